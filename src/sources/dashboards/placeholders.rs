//! Placeholders in queries: what a tool puts into a text before it runs it.

/// `sql` with every placeholder between `opening` and `closing` replaced by what `value` makes of its name;
/// it is told whether the placeholder stands inside of quotes. Comments lose theirs, every line stays a line.
pub(super) fn fill_in(sql: &str, (opening, closing): (&str, &str), value: &mut dyn FnMut(&str, bool) -> String) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    let mut quoted: Option<char> = None;
    while let Some(letter) = rest.chars().next() {
        let end = rest.starts_with(opening).then(|| rest.find(closing)).flatten();
        let length = match (letter, quoted, end) {
            (_, _, Some(end)) => {
                let name = &rest[opening.len()..end];
                out.push_str(&value(name.trim(), quoted.is_some()).replace('\n', " "));
                out.push_str(&"\n".repeat(name.matches('\n').count()));
                end + closing.len()
            }
            ('-', None, _) if rest.starts_with("--") => comment(rest, rest.find('\n'), opening, &mut out),
            ('/', None, _) if rest.starts_with("/*") => comment(rest, rest.find("*/").map(|end| end + 2), opening, &mut out),
            _ => {
                quoted = match quoted {
                    Some(open) if open == letter => None,
                    None if matches!(letter, '\'' | '"' | '`') => Some(letter),
                    same => same,
                };
                out.push(letter);
                letter.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    out
}

/// Keeps a comment without its placeholders; how long it is.
fn comment(rest: &str, end: Option<usize>, opening: &str, out: &mut String) -> usize {
    let end = end.unwrap_or(rest.len());
    out.push_str(&rest[..end].replace(opening, ""));
    end
}

#[cfg(test)]
mod tests {
    use super::fill_in;

    #[test]
    fn placeholders_are_replaced_and_lines_stay() {
        for (sql, expected) in [
            ("a = ${b} and c = '${d}'", "a = <b> and c = 'd'"),
            ("-- don't ${b}\n/* it's ${c} */ ${d}", "-- don't b}\n/* it's c} */ <d>"),
            ("${a\n} ${never", "<a>\n ${never"),
            ("'it''s ${a}' ${b}", "'it''s a' <b>"),
        ] {
            let mut value = |name: &str, is_quoted: bool| if is_quoted { name.to_owned() } else { format!("<{name}>") };
            assert_eq!(fill_in(sql, ("${", "}"), &mut value), expected, "{sql}");
        }
    }
}
