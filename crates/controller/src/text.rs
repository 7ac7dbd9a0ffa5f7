//! What comes from outside, made fit for a log line or an error: short, and without control characters.

use std::fmt::Display;

/// How much of a message that comes from outside is shown, in characters.
const LONGEST_MESSAGE: usize = 160;
/// How much of what a service says of a call is shown, in characters: AWS is wordy where a call is not allowed.
const LONGEST_REASON: usize = 500;
/// How much of a value is quoted, in characters.
const LONGEST_QUOTE: usize = 60;

/// A parser's message: it may repeat any part of what was parsed.
pub fn shorten(text: &(impl Display + ?Sized)) -> String {
    shorten_to(LONGEST_MESSAGE, text)
}

/// Why a call, a launch or a command has failed, as a service says it.
pub fn shorten_reason(text: &(impl Display + ?Sized)) -> String {
    shorten_to(LONGEST_REASON, text)
}

/// The beginning of a value, in quotes and escaped as Rust does it.
pub fn quote(text: &str) -> String {
    let mut quoted = String::from('"');
    let mut length = 0;
    for letter in text.chars() {
        let escaped: String = match letter {
            '\'' => "'".to_owned(),
            letter => letter.escape_debug().collect(),
        };
        length += escaped.chars().count();
        if length > LONGEST_QUOTE {
            return quoted + "…\"";
        }
        quoted += &escaped;
    }
    quoted + "\""
}

/// Keeps the beginning and, where it is cut, the end too: there a parser says in which line it was.
fn shorten_to(most: usize, text: &(impl Display + ?Sized)) -> String {
    let letters: Vec<char> = text.to_string().chars().map(printable).collect();
    if letters.len() <= most {
        return letters.into_iter().collect();
    }
    let (begin, end) = (most * 2 / 3, most - most * 2 / 3 - 1);
    letters[..begin].iter().chain(&['…']).chain(&letters[letters.len() - end..]).collect()
}

/// What would begin a new line, or turn the direction of the text, is shown as a replacement character.
fn printable(letter: char) -> char {
    let turns = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if letter.is_control() || turns { char::REPLACEMENT_CHARACTER } else { letter }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_and_plain_stays_as_it_is() {
        let text = "expected `,` or `}` at line 1 column 9: \"Jibri\" 🦀";
        assert_eq!(shorten(text), text);
        assert_eq!(quote("it's \"5\"\n"), r#""it's \"5\"\n""#);
    }

    #[test]
    fn what_is_long_keeps_its_beginning_and_its_end() {
        let text = format!("invalid type: string {}, expected u32 at line 1 column 9", "x".repeat(100_000));
        let short = shorten(&text);
        assert_eq!(short.chars().count(), LONGEST_MESSAGE);
        assert!(short.starts_with("invalid type: string x") && short.ends_with("expected u32 at line 1 column 9"));
        assert_eq!(shorten_reason(&text).chars().count(), LONGEST_REASON);
    }

    #[test]
    fn nothing_begins_a_new_line_or_turns_the_text_round() {
        assert_eq!(shorten("a\nb\r\u{1b}[31m\u{2028}\u{202e}c"), "a�b��[31m��c");
        assert_eq!(quote("a\nb\u{202e}"), r#""a\nb\u{202e}""#);
    }

    #[test]
    fn a_quote_is_as_short_when_everything_in_it_is_escaped() {
        assert_eq!(quote(&"x".repeat(61)), format!("\"{}…\"", "x".repeat(60)));
        assert_eq!(quote(&"\u{10ffff}".repeat(99)).chars().count(), 63);
    }
}
