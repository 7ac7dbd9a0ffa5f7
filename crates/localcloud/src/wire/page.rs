//! Pages: every list of AWS's comes in parts, each with a token for the next.

use world::AwsError;

use super::refused;

/// One page of a list.
pub(crate) struct Page<T> {
    /// What is on it.
    pub(crate) items: Vec<T>,
    /// Where the next one begins; `None` on the last.
    pub(crate) next_token: Option<String>,
}

const TOKEN_PREFIX: &str = "page-from-";

impl<T> Page<T> {
    /// The page of `size` items that begins where `token` says, or `invalid_token` when that is no token.
    pub(crate) fn of(
        items: Vec<T>,
        token: Option<&str>,
        size: usize,
        invalid_token: &'static str,
    ) -> Result<Page<T>, AwsError> {
        let start: usize = match token {
            None | Some("") => 0,
            Some(token) => token
                .strip_prefix(TOKEN_PREFIX)
                .and_then(|offset| offset.parse().ok())
                .ok_or_else(|| refused(invalid_token, "The NextToken value is not valid."))?,
        };
        let end = start.saturating_add(size);
        let next_token = (end < items.len()).then(|| format!("{TOKEN_PREFIX}{end}"));
        let items = items.into_iter().skip(start).take(size).collect();
        Ok(Page { items, next_token })
    }
}

/// A page size between 1 and `maximum`, or `invalid` when it is not.
pub(crate) fn page_size(
    asked: Option<i64>,
    default: usize,
    maximum: usize,
    invalid: &'static str,
) -> Result<usize, AwsError> {
    match asked {
        None => Ok(default),
        Some(asked) => usize::try_from(asked)
            .ok()
            .filter(|size| (1..=maximum).contains(size))
            .ok_or_else(|| refused(invalid, format!("The page size must be between 1 and {maximum}, not {asked}."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_end_where_the_list_ends() {
        let first = Page::of(vec![1, 2, 3, 4], None, 2, "InvalidNextToken").expect("first");
        assert_eq!(first.items, [1, 2]);
        let second = Page::of(vec![1, 2, 3, 4], first.next_token.as_deref(), 2, "InvalidNextToken").expect("second");
        assert_eq!(second.items, [3, 4]);
        assert_eq!(second.next_token, None);
    }

    #[test]
    fn an_invented_token_and_an_impossible_size_are_refused() {
        let error = Page::of(vec![1], Some("abc"), 2, "InvalidNextToken").err().expect("refused");
        assert_eq!(error.code, "InvalidNextToken");
        assert_eq!(page_size(Some(51), 50, 50, "ValidationException").expect_err("too many").http_status, 400);
        assert_eq!(page_size(None, 50, 50, "ValidationException"), Ok(50));
    }
}
