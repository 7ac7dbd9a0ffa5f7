//! The form in the body of a query request: `Action=…&InstanceIds.member.1=…`.

use std::collections::BTreeMap;

/// The parameters of a query request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Decodes `application/x-www-form-urlencoded`.
    pub(crate) fn parse(form: &[u8]) -> Parameters {
        Parameters(form_urlencoded::parse(form).into_owned().collect())
    }

    /// One value.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The members of a list by their prefix, such as `InstanceIds.member.` or `ResourceId.`, in the order of their
    /// numbers.
    pub(crate) fn list(&self, prefix: &str) -> Vec<String> {
        let mut members: Vec<(u32, &String)> =
            self.0.iter().filter_map(|(name, value)| Some((name.strip_prefix(prefix)?.parse().ok()?, value))).collect();
        members.sort_by_key(|(number, _)| *number);
        members.into_iter().map(|(_, value)| value.clone()).collect()
    }

    /// A structure by its prefix, such as `MetricStat.`.
    pub(crate) fn structure(&self, prefix: &str) -> Parameters {
        let members =
            self.0.iter().filter_map(|(name, value)| Some((name.strip_prefix(prefix)?.into(), value.clone())));
        Parameters(members.collect())
    }

    /// The members of a list of structures, each with the names that follow its number: `Tag.1.Key`, `Tag.1.Value`.
    pub(crate) fn structures(&self, prefix: &str) -> Vec<Parameters> {
        let mut structures: BTreeMap<u32, Parameters> = BTreeMap::new();
        for (name, value) in &self.0 {
            let Some((number, member)) = name.strip_prefix(prefix).and_then(|rest| rest.split_once('.')) else {
                continue;
            };
            if let Ok(number) = number.parse() {
                let structure = structures.entry(number).or_default();
                structure.0.insert(member.to_owned(), value.clone());
            }
        }
        structures.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_percent_decoded() {
        let parameters = Parameters::parse(b"Action=CreateTags&Value=a%2Bb+c%3D%C3%A9&Odd=100%&Empty=");
        assert_eq!(parameters.get("Action"), Some("CreateTags"));
        assert_eq!(parameters.get("Value"), Some("a+b c=é"));
        assert_eq!(parameters.get("Odd"), Some("100%"));
        assert_eq!(parameters.get("Empty"), Some(""));
        assert_eq!(parameters.get("Missing"), None);
    }

    #[test]
    fn list_members_come_in_the_order_of_their_numbers() {
        let parameters = Parameters::parse(b"Id.member.10=j&Id.member.2=b&Id.member.1=a&Id.member.x=no");
        assert_eq!(parameters.list("Id.member."), ["a", "b", "j"]);
    }

    #[test]
    fn structures_keep_their_members_together() {
        let parameters = Parameters::parse(b"Tag.1.Key=a&Tag.2.Key=c&Tag.1.Value=b&Filter.1.Value.1=x");
        let tags = parameters.structures("Tag.");
        assert_eq!(tags.len(), 2);
        assert_eq!(tags[0].get("Key"), Some("a"));
        assert_eq!(tags[0].get("Value"), Some("b"));
        assert_eq!(tags[1].get("Value"), None);
        assert_eq!(parameters.structures("Filter.")[0].list("Value."), ["x"]);
    }
}
