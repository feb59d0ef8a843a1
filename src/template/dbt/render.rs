//! Renders the file of one node, with the ephemeral models that it reads in front.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use minijinja::{Error, ErrorKind, State, Value};

use super::{
    Columns, DbtRendered,
    library::Library,
    run::{Met, Remark, Run},
};
use crate::{
    model::{DbtResource, Diagnostic, MISSING_REFERENCE, Span, TEMPLATE_PLACEHOLDER, UNKNOWN_MACRO},
    template::{
        Rendered, Variant, render_as,
        rewrite::{Rewritten, SNAPSHOT, SNAPSHOT_END, Tags, rewrite},
        unknown::Unknowns,
    },
};

/// An ephemeral model in front of a rendering: its CTE, its text, its name.
type Front = (String, String, String);
/// A project and one of its nodes.
type NodeAt = (usize, usize);

/// Deepest chain of ephemeral models.
const MAX_EPHEMERAL: usize = 60;

/// Everything that the renderings of one file met.
#[derive(Default)]
struct Gathered {
    asked: BTreeSet<crate::model::RelationName>,
    remarks: BTreeSet<Remark>,
    /// For each rendering, by its text: the ephemeral models in front, rendered.
    ephemeral: BTreeMap<String, Vec<Front>>,
}

/// Renders `text`, the file of the node at index `node`, or a definition.
pub(super) fn render_node(library: &Library, node: Option<usize>, text: &str, columns: &Columns) -> DbtRendered {
    let inner = &library.inner;
    let columns = Arc::new(columns.clone());
    let gathered = Mutex::new(Gathered::default());
    let settings = &inner.shared.settings;
    let output = |rewritten: &Rewritten, unknowns: &Unknowns| {
        let run = Run::new(inner.clone(), node.map(|node| (inner.project, node)), unknowns.clone(), columns.clone());
        let template = inner.environment.template_from_named_str("file", &rewritten.text)?;
        let done = template.render_with_spans(run.scope_calling(rewritten.called.clone()));
        let front = done.as_ref().map(|_| render_ephemeral(&run)).unwrap_or_default();
        let mut gathered = gathered.lock().unwrap_or_else(PoisonError::into_inner);
        let mut met = run.met();
        let Met { asked, remarks, .. } = &mut *met;
        gathered.asked.append(asked);
        gathered.remarks.append(remarks);
        if let (Ok((text, _)), false) = (&done, front.is_empty()) {
            gathered.ephemeral.insert(text.clone(), front);
        }
        done
    };
    // Blanks to Python, not to the template engine; as many bytes, so that places stay.
    let blank = text.replace('\u{a0}', "  ");
    let text = blank.as_str();
    let mut rendered = render_as(text, settings, Tags::Dbt, &output);
    let Gathered { asked, remarks, ephemeral } = gathered.into_inner().unwrap_or_else(PoisonError::into_inner);
    for variant in &mut rendered.variants {
        if let Some(front) = ephemeral.get(&variant.text) {
            put_in_front(variant, front, text);
        }
    }
    explain_remarks(&mut rendered, &remarks, text);
    if let Some(known) = inner.shared.projects.get(inner.project).and_then(|project| project.nodes.get(node?))
        && known.resource == DbtResource::Model
    {
        drop_semicolons(&mut rendered);
    }
    DbtRendered { rendered, asked }
}

/// A model is one query: what stands behind a last semicolon is a comment at most.
fn drop_semicolons(rendered: &mut Rendered) {
    for variant in &mut rendered.variants {
        let end = variant.text.trim_end().len();
        if variant.text.get(..end).is_some_and(|text| text.ends_with(';')) {
            variant.text.replace_range(end - 1..end, " ");
        }
    }
}

/// The ephemeral models that were read, each after those that it reads: (CTE, text, name).
fn render_ephemeral(run: &Arc<Run>) -> Vec<Front> {
    let mut done: Vec<(NodeAt, Front)> = Vec::new();
    let mut open: Vec<(NodeAt, Option<String>)> = Vec::new();
    let first: Vec<_> = std::mem::take(&mut run.met().ephemeral);
    open.extend(first.into_iter().rev().map(|node| (node, None)));
    while let Some((node, text)) = open.pop() {
        if done.iter().any(|(known, _)| *known == node) {
            continue;
        }
        let shared = &run.inner.shared;
        let Some((known, placed)) = shared
            .projects
            .get(node.0)
            .and_then(|project| project.nodes.get(node.1))
            .zip(shared.placed.get(node.0).and_then(|placed| placed.get(node.1)))
        else {
            continue;
        };
        let cte = format!("__dbt__cte__{}", placed.relation.last());
        if let Some(text) = text {
            done.push((node, (cte, text, known.name.clone())));
            continue;
        }
        let cycle = open.iter().any(|(other, text)| *other == node && text.is_some()) || open.len() > MAX_EPHEMERAL * 4;
        if cycle {
            run.remark(Remark::BrokenMacro(known.name.clone(), "ephemeral models read each other in a cycle".to_owned()));
            continue;
        }
        let source = shared.ephemeral.get(&known.path).cloned().unwrap_or_else(|| Arc::from(""));
        let rendered = render_one(&run.of_node(node), &source).unwrap_or_else(|| source.to_string());
        let needed: Vec<_> = std::mem::take(&mut run.met().ephemeral);
        open.push((node, Some(rendered)));
        if open.iter().filter(|(_, text)| text.is_some()).count() <= MAX_EPHEMERAL {
            open.extend(needed.into_iter().rev().map(|node| (node, None)));
        }
    }
    done.into_iter().map(|(_, front)| front).collect()
}

/// Renders the text of another node; tags that cannot be computed become placeholders.
fn render_one(run: &Arc<Run>, text: &str) -> Option<String> {
    let mut broken = BTreeSet::new();
    for _ in 0..8 {
        let rewritten = rewrite(text, &broken, Tags::Dbt).ok()?;
        let scope = run.scope_calling(rewritten.called.clone());
        match run.inner.environment.render_named_str("ephemeral", &rewritten.text, scope) {
            Ok(text) => return Some(text),
            Err(error) if error.kind() == ErrorKind::OutOfFuel => return None,
            Err(error) => {
                let tag = rewritten.tag_at(error.range()?.start)?;
                if !broken.insert(tag) {
                    return None;
                }
            }
        }
    }
    None
}

/// Puts ephemeral models in front of a rendering, as CTEs, the way dbt does.
fn put_in_front(variant: &mut Variant, front: &[Front], source: &str) {
    let mut at = skip_comments(&variant.text);
    let head = variant.text.get(at..).unwrap_or_default();
    let is_word = |word: &str| {
        head.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
            && head.as_bytes().get(word.len()).is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
    };
    let has_with = is_word("with");
    if has_with {
        at += "with".len();
        let rest = variant.text.get(at..).unwrap_or_default();
        let blank = rest.len() - rest.trim_start().len();
        if rest.trim_start().get(..9).is_some_and(|word| word.eq_ignore_ascii_case("recursive")) {
            at += blank + 9;
        }
    }
    let mut offset = at;
    for (number, (cte, text, name)) in front.iter().enumerate() {
        let is_last = number + 1 == front.len();
        let start = if number == 0 && !has_with { "with " } else { " " };
        let end = if is_last && !has_with { " " } else { "," };
        let text = text.trim().trim_end_matches(';');
        let put_in = format!("{start}{cte} as (\n{text}\n){end}");
        let place = find_quoted(source, name);
        variant.text.insert_str(offset, &put_in);
        let length = u32::try_from(put_in.len()).unwrap_or(u32::MAX);
        variant.offsets = variant.offsets.insert(u32::try_from(offset).unwrap_or(u32::MAX), length, place);
        offset += put_in.len();
    }
}

/// The first byte of `text` that is neither blank nor in a comment.
fn skip_comments(text: &str) -> usize {
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let blank = rest.len() - rest.trim_start().len();
        let rest = rest.trim_start();
        at += blank;
        if rest.starts_with("--") {
            at += rest.find('\n').map_or(rest.len(), |end| end + 1);
        } else if rest.starts_with("/*") {
            at += rest.find("*/").map_or(rest.len(), |end| end + 2);
        } else {
            return at;
        }
        if at >= text.len() {
            return text.len();
        }
    }
}

/// Where `name` stands in quotes in `source`.
fn find_quoted(source: &str, name: &str) -> Span {
    for quote in ['\'', '"'] {
        let quoted = format!("{quote}{name}{quote}");
        if let Some(at) = source.find(&quoted) {
            return Span::new(at, at + quoted.len());
        }
    }
    Span::default()
}

fn explain_remarks(rendered: &mut Rendered, remarks: &BTreeSet<Remark>, text: &str) {
    for remark in remarks {
        let diagnostic = match remark {
            Remark::UnknownMacro(name) => {
                let at = text.find(&format!("{name}("));
                let span = at.map_or(Span::default(), |at| Span::new(at, at + name.len()));
                Diagnostic::new(&UNKNOWN_MACRO, format!("nothing defines the macro `{name}`; a placeholder stands for it"), span)
            }
            Remark::BrokenMacro(name, why) => {
                let at = text.find(&format!("{name}("));
                let span = at.map_or(Span::default(), |at| Span::new(at, at + name.len()));
                let message = format!("the macro `{name}` could not be followed to its end: {why}");
                Diagnostic::new(&TEMPLATE_PLACEHOLDER, message, span)
            }
            Remark::Unresolved(name) => {
                let last = name.rsplit('.').next().unwrap_or(name);
                let message = format!("`{name}` is referred to, and no project of the source has it");
                Diagnostic::new(&MISSING_REFERENCE, message, find_quoted(text, last))
            }
            Remark::Refused(why) => {
                Diagnostic::new(&TEMPLATE_PLACEHOLDER, format!("a macro refuses what it is given: {why}"), Span::default())
            }
        };
        rendered.diagnostics.push(diagnostic);
    }
    rendered.diagnostics.sort_by(|left, right| (left.span, &left.message).cmp(&(right.span, &right.message)));
    rendered.diagnostics.dedup();
}

/// The text in front of and behind the query of a snapshot.
pub(super) fn add_snapshot_tags(environment: &mut minijinja::Environment<'static>) {
    environment.add_function(SNAPSHOT, |state: &mut State<'_, '_>, name: &str| -> Result<String, Error> {
        let relation = match state.lookup("__snapshot") {
            Some(relation) => relation.call(state, &[Value::from(name)])?.to_string(),
            None => name.to_owned(),
        };
        Ok(format!("create table {relation} as select snapshot_query.*, 'id' as dbt_scd_id, current_timestamp as dbt_updated_at, current_timestamp as dbt_valid_from, current_timestamp as dbt_valid_to from ("))
    });
    environment.add_function(SNAPSHOT_END, || ") as snapshot_query;");
}
