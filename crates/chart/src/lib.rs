//! Pages of one file that load nothing: words, data as JSON, and the script that draws figures of it.
//!
//! `chart.js` and `chart.css` are part of every page: scales, ticks, step lines, labels, and the values at the moment
//! that is pointed at. A page adds what it draws.

use serde::Serialize;

const STYLE: &str = include_str!("chart.css");
const SCRIPT: &str = include_str!("chart.js");

/// The parts of a page.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a, Data> {
    /// What the browser's tab says, as text.
    pub title: &'a str,
    /// What `<main>` holds, as HTML. A figure is a `<div class="figure">` with an id.
    pub body: &'a str,
    /// CSS, after that of every page.
    pub style: &'a str,
    /// JavaScript, after that of every page: `data` is the data, `present` draws the figures.
    pub script: &'a str,
    /// What the script draws.
    pub data: &'a Data,
}

impl<Data: Serialize> Page<'_, Data> {
    /// The page as HTML.
    ///
    /// # Errors
    ///
    /// The data cannot be told as JSON.
    pub fn render(&self) -> Result<String, serde_json::Error> {
        let data = escape_for_script(&serde_json::to_string(self.data)?);
        let title = self.title.replace('&', "&amp;").replace('<', "&lt;");
        let (body, style, script) = (self.body, self.style, self.script);
        Ok(format!(
            r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{STYLE}{style}</style>
</head>
<body>
<main>
{body}
<noscript><p>The figures are drawn by a script in this page; nothing is loaded from elsewhere.</p></noscript>
</main>
<script type="application/json" id="data">{data}</script>
<script>
"use strict";
{{
{SCRIPT}{script}}}
</script>
</body>
</html>
"#
        ))
    }
}

/// Spells `<` so that JSON stays the same, and can neither end its `<script>` element nor open a comment in it
/// (<https://html.spec.whatwg.org/multipage/scripting.html#restrictions-for-contents-of-script-elements>).
fn escape_for_script(json: &str) -> String {
    json.replace('<', "\\u003c")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn page(data: &str) -> String {
        Page { title: "R&D <b>", body: "<p>Words</p>", style: "", script: "", data: &data }.render().unwrap()
    }

    /// What a browser hands to the script: the text up to the first end tag.
    fn embedded(page: &str) -> &str {
        let (_, after) = page.split_once(r#"<script type="application/json" id="data">"#).unwrap();
        after.split_once("</script").unwrap().0
    }

    #[test]
    fn the_page_holds_its_data_as_they_were() {
        let data = "</script><script>alert(1)</script><!-- Jürgen's \"spot\" \\ instance\u{2028}& more {data}";
        let page = page(data);
        assert_eq!(serde_json::from_str::<String>(embedded(&page)).unwrap(), data);
        assert!(!embedded(&page).contains('<'));
        assert_eq!(page.matches("</script").count(), 2, "the data's and the script's own");
    }

    #[test]
    fn the_title_is_text() {
        assert!(page("").contains("<title>R&amp;D &lt;b></title>"));
    }

    #[test]
    fn the_page_loads_nothing_from_elsewhere() {
        let page = page("");
        for reference in ["src=", "@import", "<link", "fetch(", "url(http", "url(//"] {
            assert!(!page.contains(reference), "{reference}");
        }
        assert_eq!(page.matches("http").count(), 1, "the name of SVG's namespace, and no other address");
    }
}
