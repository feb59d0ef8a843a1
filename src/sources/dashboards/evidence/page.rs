//! A page: Markdown with fenced queries, and components that show them.

use std::sync::LazyLock;

use regex::Regex;

/// Words behind a fence that name a language, not a query.
const LANGUAGES: [&str; 22] = [
    "bash",
    "code",
    "console",
    "css",
    "csv",
    "diff",
    "html",
    "http",
    "js",
    "javascript",
    "json",
    "jsx",
    "markdown",
    "md",
    "python",
    "sh",
    "shell",
    "sql",
    "svelte",
    "text",
    "ts",
    "yaml",
];

/// `data={orders}`, `data=orders`.
static DATA: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"\bdata\s*=\s*["'{]*\s*([A-Za-z_]\w*)"#).ok());
/// `title="Orders"`.
static TITLE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"\btitle\s*=\s*["']([^"']+)["']"#).ok());

/// A query of a page.
pub(super) struct Query<'t> {
    pub(super) name: &'t str,
    pub(super) text: String,
    /// The 1-based line on which its text starts.
    pub(super) line: u32,
}

/// A component that shows a query.
pub(super) struct Shown<'t> {
    pub(super) query: &'t str,
    pub(super) title: Option<&'t str>,
    pub(super) line: u32,
}

/// What stands on a page.
#[derive(Default)]
pub(super) struct Page<'t> {
    /// The YAML that it begins with; its first line is the file's second.
    pub(super) front: Option<String>,
    /// The first heading.
    pub(super) heading: Option<(u32, &'t str)>,
    pub(super) queries: Vec<Query<'t>>,
    pub(super) shown: Vec<Shown<'t>>,
}

/// Reads the text of a page.
pub(super) fn read_page(text: &str) -> Page<'_> {
    let mut page = Page::default();
    let mut lines = (1u32..).zip(text.lines()).peekable();
    if lines.peek().is_some_and(|(_, line)| line.trim_end() == "---") {
        lines.next();
        let front: Vec<&str> = lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim_end() != "---").collect();
        page.front = Some(front.join("\n"));
    }
    // Attributes of a component may stand in lines of their own.
    let mut open: Option<Shown<'_>> = None;
    while let Some((number, line)) = lines.next() {
        if let Some(info) = line.trim_start().strip_prefix("```") {
            let body: Vec<&str> =
                lines.by_ref().map(|(_, line)| line).take_while(|line| !line.trim_start().starts_with("```")).collect();
            if let Some(name) = name_of(info) {
                page.queries.push(Query { name, text: body.join("\n"), line: number + 1 });
            }
            continue;
        }
        if page.heading.is_none()
            && let Some(heading) = line.strip_prefix("# ")
        {
            page.heading = Some((number, heading.trim()));
        }
        let first = |pattern: &'static LazyLock<Option<Regex>>| Some(pattern.as_ref()?.captures(line)?.get(1)?.as_str());
        if let Some(query) = first(&DATA) {
            page.shown.extend(open.take());
            open = Some(Shown { query, title: None, line: number });
        }
        if let Some(shown) = open.as_mut() {
            shown.title = shown.title.or_else(|| first(&TITLE));
            if line.contains('>') {
                page.shown.extend(open.take());
            }
        }
    }
    page.shown.extend(open);
    page
}

/// The name of the query that a fence opens: `sql orders`, and `orders` in old pages.
fn name_of(info: &str) -> Option<&str> {
    let mut words = info.split_whitespace();
    let first = words.next()?;
    match words.next() {
        Some(name) => (first == "sql").then_some(name),
        None => (!LANGUAGES.contains(&first.to_lowercase().as_str())).then_some(first),
    }
}

#[cfg(test)]
mod tests {
    use super::read_page;

    #[test]
    fn queries_and_components_know_their_lines() {
        let page = read_page(
            "---\ntitle: Sales\n---\n# Sales\n\n```sql orders\nselect 1\nfrom a\n```\n```python\nx = 1\n```\n```old\nselect 2\n```\n\
             <LineChart\n  data={orders}\n  title=\"Orders\"\n/>\n<Value data={old} column=n/>",
        );
        assert_eq!(page.front.as_deref(), Some("title: Sales"));
        assert_eq!(page.heading, Some((4, "Sales")));
        let queries: Vec<_> = page.queries.iter().map(|query| (query.name, query.line, query.text.as_str())).collect();
        assert_eq!(queries, [("orders", 7, "select 1\nfrom a"), ("old", 14, "select 2")]);
        let shown: Vec<_> = page.shown.iter().map(|shown| (shown.query, shown.title, shown.line)).collect();
        assert_eq!(shown, [("orders", Some("Orders"), 17), ("old", None, 20)]);
    }
}
