//! Texts to scripts: rendered and parsed in parallel, or remembered.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    CrawlEvent, CrawlProgress,
    input::DocumentInput,
    native::{native_names, read_native},
};
use crate::{
    config::Limits,
    model::{Analysis, Diagnostic, DocumentRole, KnownRoutine, RelationName},
    sql::{Options, References, Script, fill_shape},
    template::{self, OffsetMap},
};

/// Of how many bytes of text the parsed form is kept until it is analysed. Trees are some dozen times
/// larger than their text; what is beyond is parsed again, which is cheaper than the memory.
const KEPT_BYTES: u64 = 3 << 20;

/// What a script names: [`References`] of all its renderings, as it is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Names {
    pub(super) reads: Vec<RelationName>,
    pub(super) writes: Vec<RelationName>,
    pub(super) defines: Vec<RelationName>,
    pub(super) calls: Vec<RelationName>,
    pub(super) routines: Vec<(RelationName, KnownRoutine)>,
    pub(super) statements: (u32, u32),
    pub(super) bare_select: bool,
}

/// A parsed text, in each of its renderings.
pub(super) struct Parsed {
    pub(super) variants: Vec<(Script, Option<OffsetMap>)>,
    /// Of rendering; spans are bytes of the file.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// What a text that is no SQL says.
    pub(super) native: Option<Analysis>,
}

/// How texts are to be read.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    pub(super) limits: Limits,
    pub(super) variables: BTreeMap<String, serde_json::Value>,
}

impl Reader {
    /// Renders and parses one text.
    pub(super) fn parse(&self, document: &DocumentInput, text: &str) -> Parsed {
        if document.role == DocumentRole::Native {
            let native = Some(read_native(&document.path, text));
            return Parsed { variants: Vec::new(), diagnostics: Vec::new(), native };
        }
        let options = self.options(document);
        if document.role.is_logged() {
            return Parsed::of_plain(&fill_shape(text), &options);
        }
        if let Some(file) = &document.dbt {
            return Parsed::of_rendered(file.rendered.rendered.clone(), &options);
        }
        if !document.templated {
            return Parsed::of_plain(text, &options);
        }
        let settings = template::Settings {
            variables: self.variables_of(document),
            max_steps: self.limits.max_template_steps,
            max_time: std::time::Duration::from_millis(self.limits.max_document_ms),
            ..template::Settings::default()
        };
        Parsed::of_rendered(template::render(text, &settings), &options)
    }

    /// Parses what became of a text once more was known.
    pub(super) fn parse_rendered(&self, document: &DocumentInput, rendered: template::Rendered) -> Parsed {
        Parsed::of_rendered(rendered, &self.options(document))
    }

    fn options(&self, document: &DocumentInput) -> Options {
        Options {
            dialect: document.dialect,
            max_bytes: usize::try_from(self.limits.max_file_bytes).unwrap_or(usize::MAX),
            max_depth: self.limits.max_depth as usize,
            derivations: true,
        }
    }
}

impl Reader {
    /// Values of the layout, and over them those of the configuration.
    fn variables_of(&self, document: &DocumentInput) -> BTreeMap<String, serde_json::Value> {
        let layout = document.variables.iter().map(|(name, value)| (name.clone(), value.clone().into()));
        let mut variables: BTreeMap<String, serde_json::Value> = layout.collect();
        variables.extend(self.variables.iter().map(|(name, value)| (name.clone(), value.clone())));
        variables
    }
}

impl Parsed {
    fn of_plain(text: &str, options: &Options) -> Parsed {
        Parsed { variants: vec![(Script::parse(text, options), None)], diagnostics: Vec::new(), native: None }
    }

    fn of_rendered(rendered: template::Rendered, options: &Options) -> Parsed {
        let variants = rendered.variants.into_iter();
        Parsed {
            variants: variants.map(|variant| (Script::parse(&variant.text, options), Some(variant.offsets))).collect(),
            diagnostics: rendered.diagnostics,
            native: None,
        }
    }

    /// Bytes of all renderings: of a template they may be many more than the file has.
    fn bytes(&self) -> u64 {
        self.variants.iter().map(|(script, _)| script.bytes() as u64).sum()
    }

    /// What all renderings name.
    pub(super) fn names(&self) -> Names {
        if let Some(native) = &self.native {
            return native_names(native);
        }
        let mut names = Names::default();
        for (script, _) in &self.variants {
            let References { reads, writes, defines, calls, routines, statements, bare_select } = script.references();
            names.reads.extend(reads);
            names.writes.extend(writes);
            names.defines.extend(defines);
            names.calls.extend(calls);
            names.routines.extend(routines);
            names.statements.0 = names.statements.0.max(statements.0);
            names.statements.1 = names.statements.1.max(statements.1);
            names.bare_select |= bare_select;
        }
        for list in [&mut names.reads, &mut names.writes, &mut names.defines, &mut names.calls] {
            list.sort_unstable();
            list.dedup();
        }
        names.routines.sort_by(|one, other| one.0.cmp(&other.0));
        names.routines.dedup_by(|one, other| one.0 == other.0);
        names
    }
}

/// A script of the crawl: what it names, and the parsed text where that was needed.
pub(super) struct KnownScript {
    pub(super) names: Arc<Names>,
    pub(super) parsed: Option<Parsed>,
}

/// What a document names: its renderings, and the relations whose columns these ask for.
fn names_of(document: &DocumentInput, parsed: &Parsed) -> Names {
    let mut names = parsed.names();
    if let Some(file) = &document.dbt {
        names.reads.extend(file.rendered.asked.iter().cloned());
        names.reads.sort_unstable();
        names.reads.dedup();
    }
    names
}

/// Parses every text that is not among `remembered`.
pub(super) fn parse_all(
    documents: &[(&DocumentInput, &Reader, &str)],
    mut remembered: HashMap<String, Names>,
    progress: &dyn CrawlProgress,
) -> Vec<KnownScript> {
    let shared: HashMap<&str, Arc<Names>> =
        documents.iter().filter_map(|(_, _, key)| Some((*key, Arc::new(remembered.remove(*key)?)))).collect();
    let kept = AtomicU64::new(0);
    let (done, bytes, statements) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicU64::new(0));
    documents
        .par_iter()
        .map(|(document, reader, key)| {
            let script = match (shared.get(key), &document.text) {
                (Some(names), _) => KnownScript { names: names.clone(), parsed: None },
                (None, Some(text)) => {
                    let parsed = reader.parse(document, text);
                    let names = Arc::new(names_of(document, &parsed));
                    let keeps = kept.fetch_add(parsed.bytes(), Ordering::Relaxed) < KEPT_BYTES;
                    KnownScript { names, parsed: keeps.then_some(parsed) }
                }
                (None, None) => KnownScript { names: Arc::default(), parsed: None },
            };
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            let bytes = bytes.fetch_add(document.bytes, Ordering::Relaxed) + document.bytes;
            let count = u64::from(script.names.statements.0);
            let statements = statements.fetch_add(count, Ordering::Relaxed) + count;
            if done.is_multiple_of(64) || done == documents.len() {
                progress.report(CrawlEvent::Documents { done, of: documents.len(), statements, bytes });
            }
            script
        })
        .collect()
}
