//! What AWS allows in its names: one rule each, for the functions and for the template's pattern.

/// What AWS allows in a name.
#[derive(Debug)]
pub struct NameRule {
    /// What it is the name of.
    pub what: &'static str,
    /// The fewest characters.
    pub shortest: usize,
    /// The most characters.
    pub longest: usize,
    /// The characters.
    pub letters: Letters,
    /// What it must begin with; empty for anything.
    pub beginning: &'static str,
    /// What it must not begin with.
    pub refused: &'static [&'static str],
    /// Whether `refused` holds in capitals too.
    pub refused_in_any_case: bool,
}

/// The characters of a name.
#[derive(Debug)]
pub enum Letters {
    /// ASCII letters, digits and these marks.
    And(&'static str),
    /// Printable ASCII without the space and this mark.
    AllBut(char),
}

pub(super) const GROUP: NameRule =
    NameRule { what: "the name of an Auto Scaling group", letters: Letters::AllBut(':'), ..ANY };
pub(super) const HOOK: NameRule =
    NameRule { what: "the name of a lifecycle hook", letters: Letters::And("-_/"), ..ANY };
pub(super) const DOCUMENT: NameRule =
    NameRule { what: "the name of an SSM document", shortest: 3, longest: 128, letters: Letters::And("-_."), ..ANY };
/// The roles name a parameter by its ARN, which has no slash of its own before the name.
pub(super) const PARAMETER: NameRule = NameRule {
    what: "the name of an SSM parameter",
    shortest: 2,
    longest: 1011,
    letters: Letters::And("-_./"),
    beginning: "/",
    refused: &["/aws", "/ssm"],
    refused_in_any_case: true,
};
pub(super) const NAMESPACE: NameRule =
    NameRule { what: "a CloudWatch namespace", letters: Letters::And("-_./#:"), refused: &["AWS/", ":"], ..ANY };
const ANY: NameRule = NameRule {
    what: "",
    shortest: 1,
    longest: 255,
    letters: Letters::And(""),
    beginning: "",
    refused: &[],
    refused_in_any_case: false,
};

impl NameRule {
    /// Whether this is such a name.
    pub fn allows(&self, text: &str) -> bool {
        let is_refused = |beginning: &&str| match text.get(..beginning.len()) {
            Some(found) if self.refused_in_any_case => found.eq_ignore_ascii_case(beginning),
            Some(found) => found == *beginning,
            None => false,
        };
        (self.shortest..=self.longest).contains(&text.chars().count())
            && text.chars().all(|letter| self.letters.contain(letter))
            && text.starts_with(self.beginning)
            && !self.refused.iter().any(is_refused)
    }

    /// The rule in words.
    pub fn words(&self) -> String {
        let NameRule { what, shortest, longest, beginning, refused, .. } = self;
        let letters = match self.letters {
            Letters::And(marks) => {
                let marks: Vec<String> = marks.chars().map(String::from).collect();
                format!("letters, digits, {}", marks.join(" "))
            }
            Letters::AllBut(mark) => format!("printable ASCII characters, none of them a space or {mark}"),
        };
        let begins = if beginning.is_empty() { String::new() } else { format!(", the first of them {beginning}") };
        let refused: Vec<String> = refused.iter().map(|beginning| format!("{beginning}…")).collect();
        let not = if refused.is_empty() { String::new() } else { format!(", and not {}", refused.join(" or ")) };
        format!("{what}: {shortest} to {longest} {letters}{begins}{not}")
    }

    /// The rule as a regular expression, without its anchors.
    pub(super) fn pattern(&self) -> String {
        let NameRule { shortest, longest, beginning, refused, .. } = self;
        let refused: Vec<String> = refused
            .iter()
            .map(|beginning| match self.refused_in_any_case {
                true => beginning.chars().map(in_any_case).collect(),
                false => (*beginning).to_owned(),
            })
            .collect();
        let not = if refused.is_empty() { String::new() } else { format!("(?!{})", refused.join("|")) };
        let taken = beginning.len();
        format!("{not}{beginning}[{}]{{{},{}}}", self.letters.class(), shortest - taken, longest - taken)
    }
}

impl Letters {
    fn contain(&self, letter: char) -> bool {
        match self {
            Letters::And(marks) => letter.is_ascii_alphanumeric() || marks.contains(letter),
            Letters::AllBut(mark) => letter.is_ascii_graphic() && letter != *mark,
        }
    }

    /// The inside of a class of characters; a hyphen stands for itself at its end.
    fn class(&self) -> String {
        match self {
            Letters::And(marks) => {
                let hyphen = if marks.contains('-') { "-" } else { "" };
                format!("A-Za-z0-9{}{hyphen}", marks.replace('-', ""))
            }
            Letters::AllBut(_) => {
                let marks = ('!'..='~').filter(|mark| !mark.is_ascii_alphanumeric() && self.contain(*mark));
                format!("A-Za-z0-9{}", marks.flat_map(|mark| ['\\', mark]).collect::<String>())
            }
        }
    }
}

fn in_any_case(letter: char) -> String {
    match letter.is_ascii_alphabetic() {
        true => format!("[{}{}]", letter.to_ascii_uppercase(), letter.to_ascii_lowercase()),
        false => letter.to_string(),
    }
}
