//! LookML: views, derived tables, measures, explores and dashboards.
//!
//! In: all `.lkml` and `.dashboard.lookml` files of a source and of the projects that it imports.
//! Out: of every view an asset whose columns are its dimensions, of every measure a metric, of every
//! tile a chart. A view that extends another has its fields too; a refinement counts where its own
//! project defines the view, else it is a view of its own with what it adds. Liquid becomes Jinja:
//! both sides of a viewer's choice are read.

mod dashboard;
mod liquid;
mod measure;
mod parse;
mod project;
mod view;
mod weave;

use crate::{
    model::{CYCLIC_DEFINITION, Diagnostic, INVALID_DEFINITION, Span, UNKNOWN_DEFINITION},
    sources::{
        definitions::{DefinitionFile, Definitions, Setting},
        reading::find_generator,
    },
};
use project::{FieldKind, LookmlFile, Project};

/// A file of an imported project.
pub(in crate::sources) struct ImportedFile {
    /// The project: the name of the source that holds it.
    pub(in crate::sources) project: String,
    pub(in crate::sources) file: DefinitionFile,
}

/// Whether a path is one of LookML's own.
pub(in crate::sources) fn is_lookml(path: &str) -> bool {
    path.ends_with(".lkml") || path.ends_with(".lookml")
}

/// The projects that a manifest imports.
pub(in crate::sources) fn imported_projects(manifest: &str) -> Vec<String> {
    let (entries, _) = parse::parse(manifest);
    let mut names = Vec::new();
    for entry in &entries {
        match entry.key {
            "remote_dependency" => names.push(entry.name().to_owned()),
            "local_dependency" => {
                let project = entry.entries().iter().find(|inner| inner.key == "project").and_then(parse::Entry::text);
                names.extend(project.map(|(text, _)| text.to_owned()));
            }
            _ => {}
        }
    }
    names
}

/// Reads everything that `files` define; what they import from `imported` is read, not defined.
pub(in crate::sources) fn read_project(
    files: &[DefinitionFile],
    imported: &[ImportedFile],
    setting: &Setting<'_>,
) -> Definitions {
    let mut definitions = Definitions::default();
    let mut parsed = Vec::with_capacity(files.len() + imported.len());
    let own = files.iter().map(|file| (setting.source, file));
    for (project, file) in own.chain(imported.iter().map(|import| (import.project.as_str(), &import.file))) {
        if file.path.ends_with(".dashboard.lookml") || !is_lookml(&file.path) {
            continue;
        }
        // Files of the time before LookML had braces are YAML; nobody can make them any more.
        if file.path.ends_with(".lookml") && !file.text.contains('{') {
            continue;
        }
        let (entries, faults) = parse::parse(&file.text);
        if project == setting.source {
            for fault in faults {
                let message = format!("the LookML is broken here: {}", fault.message);
                definitions.note(&file.path, fault.line, Diagnostic::new(&INVALID_DEFINITION, message, Span::default()));
            }
            definitions.facts.extend(find_generator(&file.text, &file.path));
        }
        parsed.push(LookmlFile { project, path: &file.path, entries });
    }
    let project = Project::new(&parsed);
    for at in 0..project.views.len() {
        if project.views[at].project == setting.source {
            note_parents(&project, at, &mut definitions);
            view::define_view(&project, at, setting, &mut definitions);
            measure::define_measures(&project, at, setting, &mut definitions);
        }
    }
    let dashboards: Vec<&DefinitionFile> = files.iter().filter(|file| file.path.ends_with(".dashboard.lookml")).collect();
    dashboard::define_dashboards(&project, &dashboards, setting, &mut definitions);
    definitions
}

fn note_parents(project: &Project<'_, '_>, at: usize, definitions: &mut Definitions) {
    let view = &project.views[at];
    for (file, line, name) in project.missing_parents(at) {
        let message = format!("the view `{}` extends `{name}`, which no file of the project defines", view.name);
        let path = project.files[file].path;
        definitions.note(path, line, Diagnostic::new(&UNKNOWN_DEFINITION, message, Span::default()));
    }
    if let (_, true) = project.parents(at) {
        let (file, line) = view.place();
        let message = format!("the view `{}` extends itself through others", view.name);
        definitions.note(project.files[file].path, line, Diagnostic::new(&CYCLIC_DEFINITION, message, Span::default()));
    }
    if view.refines && project.parents(at).0.is_empty() {
        let (file, line) = view.place();
        let message = format!("nothing defines the view `{}` that is refined here", view.name);
        definitions.note(project.files[file].path, line, Diagnostic::new(&UNKNOWN_DEFINITION, message, Span::default()));
    }
}

/// Fields of a view that its asset has: its own, and where it has a table of its own those that it
/// inherits, which are computed from that table then.
fn fields_of<'a, 'p, 't>(project: &'a Project<'p, 't>, at: usize) -> Vec<&'a project::Field<'p, 't>> {
    let view = &project.views[at];
    let mut fields: Vec<&project::Field<'p, 't>> = view.fields.iter().collect();
    if view.has_table() {
        for parent in project.parents(at).0 {
            let inherited = project.views[parent].fields.iter();
            let new: Vec<_> = inherited.filter(|field| fields.iter().all(|known| known.name != field.name)).collect();
            fields.extend(new);
        }
    }
    fields.retain(|field| field.kind != FieldKind::Setting);
    fields
}
