//! Liquid inside LookML's SQL, turned into the Jinja that the template room renders: both sides of
//! conditions that only a viewer decides, placeholders for values that only a viewer gives.

/// `text` with its Liquid tags rewritten; every line break stays. `default_of` gives the default value
/// of a parameter.
pub(super) fn rewrite_liquid(text: &str, default_of: &dyn Fn(&str) -> Option<String>) -> String {
    if !text.contains("{%") && !text.contains("{{") {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // Values of `case` tags that are open.
    let mut cases: Vec<(String, bool)> = Vec::new();
    while let Some(start) = rest.find("{%").into_iter().chain(rest.find("{{")).min() {
        out.push_str(&rest[..start]);
        let is_tag = rest[start..].starts_with("{%");
        let Some(end) = rest[start..].find(if is_tag { "%}" } else { "}}" }).map(|at| at + start + 2) else {
            // A tag that does not end is no tag.
            out.push_str("/* ");
            rest = rest.get(start + 2..).unwrap_or("");
            out.push_str(" */");
            continue;
        };
        let tag = &rest[start..end];
        let inner = tag[2..tag.len() - 2].trim_matches('-').trim();
        match is_tag {
            true => rewrite_tag(inner, &mut out, &mut cases, default_of),
            false => out.push_str(&rewrite_output(inner, default_of)),
        }
        // Lines must keep their numbers.
        out.push_str(&"\n".repeat(tag.matches('\n').count()));
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

fn rewrite_tag(inner: &str, out: &mut String, cases: &mut Vec<(String, bool)>, default_of: &dyn Fn(&str) -> Option<String>) {
    let (word, rest) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
    let rest = rest.trim();
    match word {
        "if" => out.push_str(&format!("{{% if {} %}}", condition(rest))),
        "unless" => out.push_str(&format!("{{% if not {} %}}", condition(rest))),
        "elsif" => out.push_str(&format!("{{% elif {} %}}", condition(rest))),
        "else" => out.push_str("{% else %}"),
        "endif" | "endunless" => out.push_str("{% endif %}"),
        "case" => cases.push((rest.to_owned(), false)),
        "when" => {
            let Some((value, is_open)) = cases.last_mut() else { return };
            let tag = if std::mem::replace(is_open, true) { "elif" } else { "if" };
            out.push_str(&format!("{{% {tag} {} %}}", condition(&format!("{value} {rest}"))));
        }
        "endcase" => {
            if let Some((_, true)) = cases.pop() {
                out.push_str("{% endif %}");
            }
        }
        // What is between them is compared with whatever the viewer filters by.
        "condition" => out.push_str("(("),
        "endcondition" => out.push_str(") IS NOT NULL)"),
        "date_start" | "date_end" => out.push_str("CURRENT_TIMESTAMP"),
        "parameter" => out.push_str(&value_of(rest, default_of)),
        "comment" => out.push_str("/* "),
        "endcomment" => out.push_str(" */"),
        // Assignments and includes put out nothing.
        _ => {}
    }
}

fn rewrite_output(inner: &str, default_of: &dyn Fn(&str) -> Option<String>) -> String {
    let name = inner.split('|').next().unwrap_or(inner).trim();
    let parameter = name.strip_suffix("._parameter_value");
    value_of(parameter.unwrap_or(name), default_of)
}

/// The default of a parameter, else a placeholder.
fn value_of(name: &str, default_of: &dyn Fn(&str) -> Option<String>) -> String {
    let own = name.rsplit('.').next().unwrap_or(name);
    default_of(own).unwrap_or_else(|| format!("{{{{ {} }}}}", identifier(name)))
}

/// A condition as one name that Jinja does not know: both of its sides are read.
fn condition(text: &str) -> String {
    identifier(text)
}

fn identifier(text: &str) -> String {
    let mut out = String::from("looker_");
    for letter in text.chars().take(80) {
        if letter.is_ascii_alphanumeric() {
            out.push(letter.to_ascii_lowercase());
        } else if !out.ends_with('_') {
            out.push('_');
        }
    }
    out.trim_end_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::rewrite_liquid;

    #[test]
    fn conditions_become_jinja_and_parameters_their_defaults() {
        let default_of = |name: &str| (name == "grain").then(|| "day".to_owned());
        let rewritten = |text: &str| rewrite_liquid(text, &default_of);
        assert_eq!(
            rewritten("a {% if x._in_query %} b {% elsif y == 'z' %} c {% else %} d {% endif %}"),
            "a {% if looker_x_in_query %} b {% elif looker_y_z %} c {% else %} d {% endif %}"
        );
        assert_eq!(rewritten("t_{% parameter v.grain %}"), "t_day");
        assert_eq!(rewritten("WHERE {% condition f %} x.y {% endcondition %}"), "WHERE (( x.y ) IS NOT NULL)");
        assert_eq!(rewritten("{{ v.other._parameter_value }}"), "{{ looker_v_other }}");
        assert_eq!(
            rewritten("{% case a %}{% when 'b' %}1{% when 'c' %}2{% endcase %}"),
            "{% if looker_a_b %}1{% elif looker_a_c %}2{% endif %}"
        );
        assert_eq!(rewritten("{% assign a = 1\n %}x"), "\nx");
    }
}
