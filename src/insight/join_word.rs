//! The kind of join that a condition belongs to, read from the text before it.

use super::call::top_letters;

/// Words that say what kind of join it is.
const KINDS: [&str; 12] =
    ["left", "right", "full", "inner", "cross", "outer", "natural", "anti", "semi", "asof", "any", "lateral"];
/// Words behind which another join begins.
const BREAKS: [&str; 3] = ["from", "where", "select"];

/// `left join`, `full outer join`, `join` for the join whose condition begins where `before` ends; `before`
/// starts where its query does. `None` where no join is found.
pub(super) fn join_before(before: &str) -> Option<String> {
    // By depth of parentheses: the words since the last break, and the join found last.
    let mut levels: Vec<(Vec<String>, Option<String>)> = vec![(Vec::new(), None)];
    let mut word = String::new();
    let mut end_depth = 0;
    let close = |word: &mut String, levels: &mut Vec<(Vec<String>, Option<String>)>, depth: usize| {
        if word.is_empty() {
            return;
        }
        let said = std::mem::take(word).to_ascii_lowercase();
        let Some((words, found)) = levels.get_mut(depth) else { return };
        if said == "join" {
            let mut kinds: Vec<String> = words.iter().rev().take_while(|word| KINDS.contains(&word.as_str())).cloned().collect();
            kinds.reverse();
            kinds.push(said);
            *found = Some(kinds.join(" "));
            words.clear();
        } else if BREAKS.contains(&said.as_str()) {
            (*words, *found) = (Vec::new(), None);
        } else {
            words.push(said);
        }
    };
    let mut last_at = 0;
    for (at, letter, depth) in top_letters(before) {
        let touches = at == last_at;
        last_at = at + letter.len_utf8();
        if !touches || !(letter.is_alphanumeric() || letter == '_') {
            close(&mut word, &mut levels, end_depth);
        }
        if letter.is_alphanumeric() || letter == '_' {
            word.push(letter);
        }
        if depth > end_depth || matches!(letter, '(' | '[') {
            levels.truncate(depth);
            levels.resize(depth + 1, (Vec::new(), None));
        }
        end_depth = depth;
    }
    close(&mut word, &mut levels, end_depth);
    // The condition's own parenthesis may be open.
    let opened = usize::from(before.trim_end().ends_with('('));
    levels.get(end_depth.checked_sub(opened)?)?.1.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_join_of_a_condition_is_the_last_one_beside_it() {
        let said = |before: &str| join_before(before);
        assert_eq!(said("SELECT a FROM t LEFT JOIN u ON "), Some("left join".to_owned()));
        assert_eq!(said("SELECT a FROM t LEFT JOIN u USING ("), Some("left join".to_owned()));
        assert_eq!(said("SELECT a FROM t JOIN u USING (k) FULL OUTER JOIN v USING("), Some("full outer join".to_owned()));
        assert_eq!(said("SELECT a FROM t JOIN (SELECT b FROM v LEFT JOIN w USING (k)) AS x ON "), Some("join".to_owned()));
        assert_eq!(said("SELECT a FROM t -- left join\n INNER JOIN `a.left.join` ON "), Some("inner join".to_owned()));
        assert_eq!(said("SELECT a FROM t WHERE x = (SELECT 1) AND "), None);
        assert_eq!(said("(SELECT a FROM t CROSS JOIN u LEFT JOIN v ON "), Some("left join".to_owned()));
    }
}
