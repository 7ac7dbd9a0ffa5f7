//! The comparison as a page.

use super::{Comparison, Question};

/// The page.
pub fn page(_question: &Question, comparison: &Comparison) -> String {
    super::text::table(&comparison.outcomes)
}
