//! Renders templated SQL (Jinja) with a map from each rendered byte back to the file.
//!
//! In: a text and [`Settings`]. Out: one or more renderings and diagnostics; never an error. Bounded
//! in steps, memory, depth, output and time. Never reads a file, a date, the network or the environment.

mod dbt;
mod methods;
mod offsets;
mod rewrite;
mod unknown;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use minijinja::{Environment, ErrorKind, OutputSpan, OutputSpanKind, UndefinedBehavior, Value, value::Rest};

use crate::model::{Diagnostic, LIMIT_EXCEEDED, Span, TEMPLATE_ERROR, TEMPLATE_PLACEHOLDER};
use offsets::Piece;
use rewrite::{Rewritten, Tags, rewrite};
use unknown::{Assumptions, Placeholder, Root, Unknowns};

pub use dbt::{Columns, DbtProjects, DbtRendered, NodeConfig, Placed};
pub use offsets::OffsetMap;

/// What every placeholder starts with.
pub const PLACEHOLDER_PREFIX: &str = "__jinja_";

/// Most renderings of one text.
const MAX_VARIANTS: usize = 8;
/// Most expressions that are given up one after the other, because they compute with unknown values.
const MAX_BROKEN: usize = 10;

/// What templates may know and take.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Values by name.
    pub variables: BTreeMap<String, serde_json::Value>,
    /// Most steps over all renderings of one text; a step also pays for 64 bytes of memory.
    pub max_steps: u64,
    /// Longest rendering, in bytes.
    pub max_bytes: usize,
    /// Deepest recursion of macros.
    pub max_depth: usize,
    /// Longest time over all renderings of one text.
    pub max_time: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            variables: BTreeMap::new(),
            max_steps: 5_000_000,
            max_bytes: 8 << 20,
            max_depth: 200,
            max_time: Duration::from_secs(5),
        }
    }
}

/// What became of one templated text.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// Distinct renderings, at least one. More than one where a condition is only known at run time:
    /// in the first, conditions hold; each branch stands in at least one of them.
    pub variants: Vec<Variant>,
    /// What could not be known; spans are bytes of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// One rendering.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// SQL.
    pub text: String,
    /// Where each byte of `text` comes from.
    pub offsets: OffsetMap,
    /// What was assumed of the conditions that are only known at run time, like `is_init()`, in
    /// order of appearance.
    pub assumed: Vec<(String, bool)>,
}

/// Whether `text` looks like a template: a cheap test that may be wrong on braces in strings.
pub fn is_templated(text: &str) -> bool {
    memchr::memchr_iter(b'{', text.as_bytes()).any(|at| matches!(text.as_bytes().get(at + 1), Some(b'{' | b'%' | b'#')))
}

/// Whether a name stands for (or holds) a value that is only known at run time.
pub fn is_placeholder(name: &str) -> bool {
    name.contains(PLACEHOLDER_PREFIX)
}

/// Renders `text`; where that fails, the text as it stands is the only variant.
pub fn render(text: &str, settings: &Settings) -> Rendered {
    let output = |rewritten: &Rewritten, unknowns: &Unknowns| {
        let environment = make_environment(rewritten, settings, unknowns);
        let template = environment.template_from_named_str("template", &rewritten.text)?;
        let globals = environment.globals().map(|(name, _)| name.to_owned()).collect();
        let root = Root::new(&settings.variables, globals, unknowns.clone());
        template.render_with_spans(Value::from_object(root))
    };
    render_as(text, settings, Tags::Plain, &output)
}

/// What one rendering puts out, and where each part comes from.
type Output<'o> = dyn Fn(&Rewritten, &Unknowns) -> Result<(String, Vec<OutputSpan>), minijinja::Error> + 'o;

/// Renders `text`, which holds such `tags`; `output` renders it once.
fn render_as(text: &str, settings: &Settings, tags: Tags, output: &Output<'_>) -> Rendered {
    if u32::try_from(text.len()).is_err() || text.len() > settings.max_bytes {
        let message = format!("the template has {} bytes, more than the {} allowed", text.len(), settings.max_bytes);
        return as_it_stands(text, Diagnostic::new(&LIMIT_EXCEEDED, message, Span::default()));
    }
    let deadline = Instant::now() + settings.max_time;
    let mut broken = BTreeSet::new();
    loop {
        let rewritten = match rewrite(text, &broken, tags) {
            Ok(rewritten) => rewritten,
            Err(error) => return as_it_stands(text, explain_error(&error, |offset| offset)),
        };
        match render_variants(text, &rewritten, settings, deadline, output) {
            Ok(rendered) => return rendered,
            Err(error) => {
                let tag = error.range().and_then(|range| rewritten.tag_at(range.start)).filter(|_| may_be_given_up(&error));
                if broken.len() >= MAX_BROKEN || !tag.is_some_and(|tag| broken.insert(tag)) {
                    return as_it_stands(text, explain_error(&error, |offset| rewritten.source_offset(offset)));
                }
            }
        }
    }
}

/// Renders under assumptions: all conditions hold, none does, and each alone does.
fn render_variants(
    text: &str,
    rewritten: &Rewritten,
    settings: &Settings,
    deadline: Instant,
    output: &Output<'_>,
) -> Result<Rendered, minijinja::Error> {
    let mut rendered = Rendered { variants: Vec::new(), diagnostics: rewritten.diagnostics.clone() };
    let mut placeholders = BTreeMap::new();
    let mut conditions: Vec<String> = Vec::new();
    let mut tried = 0;
    let mut next = Some(Assumptions { otherwise: true, except: None });
    while let Some(assumptions) = next {
        let unknowns = Unknowns::new(assumptions, deadline);
        let put_out = output(rewritten, &unknowns);
        let variant = match put_out.and_then(|out| map_output(text, rewritten, settings, &unknowns, out, &mut placeholders)) {
            Ok(variant) => variant,
            // What was rendered so far holds; the rest is said to be missing.
            Err(error) if tried > 0 && !may_be_given_up(&error) => {
                rendered.diagnostics.push(explain_error(&error, |offset| rewritten.source_offset(offset)));
                break;
            }
            Err(error) => return Err(error),
        };
        for (condition, _) in &variant.assumed {
            if !conditions.contains(condition) {
                conditions.push(condition.clone());
            }
        }
        if !rendered.variants.iter().any(|other| other.text == variant.text) {
            rendered.variants.push(variant);
        }
        tried += 1;
        next = match tried {
            _ if conditions.is_empty() || tried >= MAX_VARIANTS => None,
            1 => Some(Assumptions { otherwise: false, except: None }),
            // With one condition both of its values were tried.
            _ if conditions.len() == 1 => None,
            _ => conditions.get(tried - 2).map(|condition| Assumptions { otherwise: false, except: Some(condition.clone()) }),
        };
    }
    for (identifier, (name, span)) in placeholders {
        let message = format!("`{name}` is only known at run time; `{identifier}` stands for it");
        rendered.diagnostics.push(Diagnostic::new(&TEMPLATE_PLACEHOLDER, message, span));
    }
    rendered.diagnostics.sort_by(|left, right| (left.span, &left.message).cmp(&(right.span, &right.message)));
    rendered.diagnostics.dedup();
    Ok(rendered)
}

/// One rendering; adds the placeholders that stand in it, with what they are called and where the first is.
fn map_output(
    text: &str,
    rewritten: &Rewritten,
    settings: &Settings,
    unknowns: &Unknowns,
    (output, spans): (String, Vec<OutputSpan>),
    placeholders: &mut BTreeMap<String, (String, Span)>,
) -> Result<Variant, minijinja::Error> {
    if output.len() > settings.max_bytes {
        let message = format!("the rendering has {} bytes, more than the {} allowed", output.len(), settings.max_bytes);
        return Err(minijinja::Error::new(ErrorKind::OutOfFuel, message));
    }
    let names = unknowns.names();
    let mut variant =
        Variant { text: String::with_capacity(output.len()), offsets: OffsetMap::default(), assumed: unknowns.assumed() };
    let mut pieces = Vec::with_capacity(spans.len());
    for (at, span) in spans.iter().enumerate() {
        let range = span.source_range();
        let literal = span.kind() == OutputSpanKind::Raw;
        let mut source = Span::new(rewritten.source_offset(range.start), rewritten.source_offset(range.end));
        let written = output.get(span.output_range()).unwrap_or_default();
        if !literal {
            source = rewritten.expression_at(source.start).unwrap_or(source);
        }
        let rendered = u32::try_from(variant.text.len()).unwrap_or(u32::MAX);
        // Raw output is the source itself: anything else would make the map lie.
        let literal = literal && source.of(text) == written;
        pieces.push(Piece { rendered, source, literal });
        if literal {
            variant.text.push_str(written);
            continue;
        }
        for (identifier, name) in names.iter().filter(|(identifier, _)| written.contains(identifier.as_str())) {
            placeholders.entry(identifier.clone()).or_insert_with(|| (name.clone(), source));
        }
        let rest = output.get(span.output_range().end..).unwrap_or_default();
        let is_call = names.get(written).is_some_and(|name| name.ends_with(')'));
        if is_call && is_statement_start(&variant.text) && stands_alone(&variant.text, rest, spans.get(at + 1).is_none()) {
            variant.text.push_str(&format!("/* {written} */"));
        } else {
            variant.text.push_str(written);
        }
    }
    variant.offsets = OffsetMap::new(pieces);
    Ok(variant)
}

fn make_environment<'e>(rewritten: &Rewritten, settings: &Settings, unknowns: &Unknowns) -> Environment<'e> {
    let mut environment = Environment::new();
    environment.set_syntax(rewritten.syntax.clone());
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_fuel(Some((settings.max_steps / MAX_VARIANTS as u64).max(1)));
    environment.set_recursion_limit(settings.max_depth);
    environment.set_unknown_method_callback(methods::call_method);
    let fork = unknowns.clone();
    environment.add_function(rewrite::FORK, move |condition: &str, value: Value, names: Vec<Value>| {
        if std::iter::once(&value).chain(&names).any(Placeholder::is) { fork.decide(condition) } else { Ok(value.is_true()) }
    });
    environment.add_function(rewrite::ROWS, |value: Value, width: usize| Placeholder::rows(&value, width).unwrap_or(value));
    let (filters, tests) = find_missing(&environment, rewritten);
    for filter in filters {
        let (unknowns, name) = (unknowns.clone(), filter.clone());
        environment.add_filter(filter, move |_: Value, _: Rest<Value>| unknowns.placeholder(&format!("{name}()")));
    }
    for test in tests {
        let (unknowns, name) = (unknowns.clone(), test.clone());
        environment.add_test(test, move |_: Value, _: Rest<Value>| unknowns.decide(&format!("is {name}")));
    }
    environment
}

/// The filters and tests that the engine does not have.
fn find_missing(environment: &Environment<'_>, rewritten: &Rewritten) -> (Vec<String>, Vec<String>) {
    let mut state = environment.empty_state();
    let mut missing = (Vec::new(), Vec::new());
    for filter in &rewritten.filters {
        if state.apply_filter(filter, &[]).is_err_and(|error| error.kind() == ErrorKind::UnknownFilter) {
            missing.0.push(filter.clone());
        }
    }
    for test in &rewritten.tests {
        if state.perform_test(test, &[]).is_err_and(|error| error.kind() == ErrorKind::UnknownTest) {
            missing.1.push(test.clone());
        }
    }
    missing
}

/// Whether nothing but white space and comments stands before the end of `before` in its statement.
fn is_statement_start(before: &str) -> bool {
    for line in before.lines().rev() {
        let line = line.trim();
        let comment = line.starts_with("--") || line.starts_with('#') || (line.starts_with("/*") && line.ends_with("*/"));
        if !line.is_empty() && !comment {
            return line.ends_with(';');
        }
    }
    true
}

/// Whether what is written between `before` and `rest` has its line for itself.
fn stands_alone(before: &str, rest: &str, is_last: bool) -> bool {
    let line = before.rsplit('\n').next().unwrap_or_default();
    let after = rest.split('\n').next().unwrap_or_default().trim();
    line.trim().is_empty() && (after.is_empty() || after == ";" || is_last)
}

/// Errors that come from computing with a value that is not known; running out of anything is not one.
fn may_be_given_up(error: &minijinja::Error) -> bool {
    !matches!(error.kind(), ErrorKind::OutOfFuel | ErrorKind::SyntaxError)
}

fn explain_error(error: &minijinja::Error, source_offset: impl Fn(usize) -> usize) -> Diagnostic {
    let span = error.range().map_or(Span::default(), |range| Span::new(source_offset(range.start), source_offset(range.end)));
    let detail = error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    let code = if error.kind() == ErrorKind::OutOfFuel { &LIMIT_EXCEEDED } else { &TEMPLATE_ERROR };
    Diagnostic::new(code, format!("the template was left as it stands: {detail}"), span)
}

fn as_it_stands(text: &str, diagnostic: Diagnostic) -> Rendered {
    let variant = Variant { text: text.to_owned(), offsets: OffsetMap::identity(text.len()), assumed: Vec::new() };
    Rendered { variants: vec![variant], diagnostics: vec![diagnostic] }
}
