//! `decisions/*.yaml`: which decisions need which numbers.
//!
//! In: the YAML files of a folder called `decisions`. Out: decisions as they are written, and diagnostics for
//! what does not fit. Never looks up what they refer to.

use super::{
    Request,
    files::Files,
    reading::read_whole,
    yaml::{Node, read_yaml},
};
use crate::model::{Decision, DecisionFile, Diagnostic, INVALID_METADATA, Question, Reading, Span, decision_key};

/// Questions of one decision, and answers of one question, that are read.
const MOST: usize = 500;

/// Whether a file may hold decisions.
pub(super) fn may_decide(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or("").to_lowercase();
    let folder = parts.next().unwrap_or("");
    folder == "decisions" && (name.ends_with(".yaml") || name.ends_with(".yml"))
}

/// Reads every file of decisions; there are few, so that none is ever skipped as known.
pub(super) fn read_decisions(
    request: &Request<'_>,
    files: &Files,
    wanted: &dyn Fn(&str) -> bool,
    settings: &str,
    reading: &mut Reading,
) {
    let wanted = |path: &str| may_decide(path) && wanted(path);
    for (path, text) in read_whole(request, files, &wanted, [settings, "decisions"], reading) {
        match read_yaml(&text, &request.config.limits) {
            Ok(Some(root)) => {
                let (decisions, problems) = decisions_of(&root);
                let note = |(line, message): (u32, String)| {
                    (path.clone(), line, Diagnostic::new(&INVALID_METADATA, message, Span::default()))
                };
                reading.diagnostics.extend(problems.into_iter().map(note));
                if !decisions.is_empty() {
                    reading.decisions.push(DecisionFile { path: path.clone(), decisions });
                }
            }
            Ok(None) => {}
            Err(error) => {
                reading.diagnostics.push((
                    path.clone(),
                    error.line,
                    Diagnostic::new(&INVALID_METADATA, error.message, Span::default()),
                ));
            }
        }
    }
    reading.decisions.sort_by(|one, other| one.path.cmp(&other.path));
}

/// The decisions of a file: one, a list of them, or a list under `decisions`; and what does not fit, with its line.
fn decisions_of(root: &Node) -> (Vec<Decision>, Vec<(u32, String)>) {
    let list = root.get("decisions").unwrap_or(root);
    let nodes: Vec<&Node> = if list.items().is_empty() { vec![root] } else { list.items().iter().map(|item| &**item).collect() };
    let (mut decisions, mut problems): (Vec<Decision>, Vec<(u32, String)>) = (Vec::new(), Vec::new());
    for node in nodes.into_iter().take(MOST) {
        let Some(title) = text_of(node, "decision") else {
            problems.push((node.line, "a decision needs `decision:`, which says what is decided".to_owned()));
            continue;
        };
        let key = text_of(node, "id").map_or_else(|| decision_key(&title), |id| decision_key(&id));
        if key.is_empty() || decisions.iter().any(|known| known.key == key) {
            problems.push((node.line, format!("`{title}` needs an `id:` of its own")));
            continue;
        }
        let mut decision = Decision {
            key,
            title,
            owner: text_of(node, "owner").unwrap_or_default(),
            every: text_of(node, "every").unwrap_or_default(),
            note: text_of(node, "note").unwrap_or_default(),
            questions: Vec::new(),
            line: node.line,
        };
        for (line, key, _) in node.entries() {
            if !["decision", "id", "owner", "every", "note", "questions"].contains(&key) {
                problems.push((line, format!("`{key}` is not known in a decision")));
            }
        }
        let questions = node.get("questions").map_or(&[][..], Node::items);
        for question in questions.iter().take(MOST) {
            match question_of(question) {
                Ok(question) => decision.questions.push(question),
                Err(problem) => problems.push(problem),
            }
        }
        decisions.push(decision);
    }
    (decisions, problems)
}

/// A question: a text alone, or `question:` with what answers it under `metrics:`, `columns:`, `dashboards:`, `tables:`.
fn question_of(node: &Node) -> Result<Question, (u32, String)> {
    if let Some(text) = node.text() {
        return Ok(Question { text: text.trim().to_owned(), answers: Vec::new(), line: node.line });
    }
    let text = text_of(node, "question").ok_or_else(|| (node.line, "a question needs `question:`".to_owned()))?;
    let mut answers = Vec::new();
    for (line, key, value) in node.entries() {
        match key {
            "question" => {}
            "metrics" | "columns" | "dashboards" | "tables" => {
                let one = value.text().map(|text| (text.trim().to_owned(), value.text_line()));
                let many = value.items().iter().filter_map(|item| Some((item.text()?.trim().to_owned(), item.text_line())));
                answers.extend(one.into_iter().chain(many).take(MOST));
            }
            other => return Err((line, format!("`{other}` is not known in a question"))),
        }
    }
    Ok(Question { text, answers, line: node.line })
}

fn text_of(node: &Node, key: &str) -> Option<String> {
    let text = node.get(key)?.text()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::{decisions_of, may_decide};
    use crate::{config::Limits, sources::yaml::read_yaml};

    fn read(text: &str) -> (Vec<crate::model::Decision>, Vec<(u32, String)>) {
        decisions_of(&read_yaml(text, &Limits::default()).unwrap().unwrap())
    }

    #[test]
    fn a_decision_is_read_with_its_lines() {
        let (decisions, problems) = read(
            "decision: Which plans do we keep?\nowner: growth@example.com\nevery: quarter\nquestions:\n- question: How many leave?\n  metrics:\n  - churn_rate\n  dashboards: plans\n- What do they cost?\n",
        );
        assert_eq!(problems, []);
        let [decision] = decisions.as_slice() else { panic!("{decisions:?}") };
        assert_eq!((decision.key.as_str(), decision.every.as_str()), ("which-plans-do-we-keep", "quarter"));
        assert_eq!(decision.questions[0].answers, [("churn_rate".to_owned(), 7), ("plans".to_owned(), 8)]);
        assert_eq!((decision.questions[1].text.as_str(), decision.questions[1].line), ("What do they cost?", 9));
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_line_and_the_rest_is_read() {
        let (decisions, problems) = read(
            "decisions:\n- decision: A\n  colour: red\n- owner: x\n- decision: A\n- decision: B\n  questions:\n  - metrics: [m]\n",
        );
        assert_eq!(decisions.iter().map(|one| one.title.as_str()).collect::<Vec<_>>(), ["A", "B"]);
        let lines: Vec<u32> = problems.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [3, 4, 5, 8], "{problems:?}");
    }

    #[test]
    fn only_yaml_right_below_a_folder_of_that_name_decides() {
        assert!(may_decide("decisions/plans.yaml") && may_decide("a/decisions/b.yml"));
        assert!(!may_decide("decisions.yaml") && !may_decide("decisions/a/b.yaml") && !may_decide("decisions/readme.md"));
    }
}
