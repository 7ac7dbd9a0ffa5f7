//! XML, as far as AWS's query protocols need it: elements and text.

use std::fmt::{Display, Write};

/// XML under construction.
#[derive(Debug, Default)]
pub(crate) struct Xml(String);

impl Xml {
    /// Builds XML.
    pub(crate) fn build(build: impl FnOnce(&mut Xml)) -> String {
        let mut xml = Xml::default();
        build(&mut xml);
        xml.0
    }

    /// `<name>value</name>`, the value escaped.
    pub(crate) fn text(&mut self, name: &str, value: impl Display) {
        let escaped = escape(&value.to_string());
        let _ = write!(self.0, "<{name}>{escaped}</{name}>");
    }

    /// `<name>…</name>`, with what `build` puts inside.
    pub(crate) fn element(&mut self, name: &str, build: impl FnOnce(&mut Xml)) {
        let _ = write!(self.0, "<{name}>");
        build(self);
        let _ = write!(self.0, "</{name}>");
    }

    /// `<name><item>…</item>…</name>`, one item each.
    pub(crate) fn list<T>(
        &mut self,
        name: &str,
        item: &str,
        values: impl IntoIterator<Item = T>,
        mut build: impl FnMut(&mut Xml, T),
    ) {
        self.element(name, |xml| {
            for value in values {
                xml.element(item, |xml| build(xml, value));
            }
        });
    }

    /// A value alone, escaped.
    pub(crate) fn escaped(&mut self, value: impl Display) {
        self.0.push_str(&escape(&value.to_string()));
    }

    /// XML that is built already.
    pub(crate) fn raw(&mut self, xml: &str) {
        self.0.push_str(xml);
    }
}

/// Control characters that XML 1.0 has no way to write are left out.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' => escaped.push(character),
            '\r' => escaped.push_str("&#xD;"),
            control if control.is_control() => {}
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_break_out_of_its_element() {
        let xml = Xml::build(|xml| {
            xml.list("set", "item", ["</item> & \u{1}more"], |xml, value| xml.text("value", value));
        });
        assert_eq!(xml, "<set><item><value>&lt;/item&gt; &amp; more</value></item></set>");
    }
}
