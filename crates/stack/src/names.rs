//! Names as CloudFormation wants them.

/// `scale_in` as `ScaleIn`; mapping keys and logical ids are letters and digits alone.
pub(crate) fn camel_case(name: &str) -> String {
    let words = name.split(['_', '-']).filter(|word| !word.is_empty());
    words.map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_joined_by_capitals() {
        assert_eq!(camel_case("scale_in"), "ScaleIn");
        assert_eq!(camel_case("set-up"), "SetUp");
    }
}
