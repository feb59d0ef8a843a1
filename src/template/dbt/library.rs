//! The macros that a project can call: its own, those of the projects it uses, and our own of packages
//! that nearly every project uses.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, OnceLock},
};

use minijinja::{Environment, UndefinedBehavior, Value, value::ValueKind};

use super::{
    Shared,
    functions::add_functions,
    macros::{MacroText, split_macros},
    relation::Relation,
    render::add_snapshot_tags,
    run::Run,
    values::show,
};
use crate::{
    model::RelationName,
    template::{
        methods,
        rewrite::{Rewritten, Tags, rewrite},
    },
};

/// Our own macros of packages that are not part of a repository.
const BUILTIN: [(&str, &str); 6] = [
    ("dbt", include_str!("builtin/dbt.sql")),
    ("dbt_utils", include_str!("builtin/dbt_utils.sql")),
    ("dbt_date", include_str!("builtin/dbt_date.sql")),
    ("fivetran_utils", include_str!("builtin/fivetran_utils.sql")),
    ("dbt_expectations", ""),
    ("codegen", ""),
];

/// A macro, ready to be called.
pub(super) struct Macro {
    pub(super) name: String,
    /// Index into [`Library::packages`].
    pub(super) package: usize,
    /// Parameters with the text of their default, rewritten.
    pub(super) parameters: Vec<(String, Option<String>)>,
    pub(super) body: String,
    /// The name of its template.
    pub(super) template: String,
    pub(super) uses_caller: bool,
}

/// Macros of one package.
pub(super) struct Package {
    pub(super) name: String,
    pub(super) macros: HashMap<String, usize>,
    /// The project that it is; `None` for our own.
    pub(super) project: Option<usize>,
}

/// Everything that files of one project can call.
pub(super) struct Library {
    pub(super) inner: Arc<Inner>,
}

/// What runs share.
pub(super) struct Inner {
    pub(super) shared: Arc<Shared>,
    pub(super) project: usize,
    pub(super) environment: Environment<'static>,
    pub(super) macros: Vec<Macro>,
    /// The project's own first.
    pub(super) packages: Vec<Package>,
    /// Names that something calls: what is called and not known is no empty value.
    pub(super) called: BTreeSet<String>,
    /// `graph`, once anything asked for it.
    pub(super) graph: OnceLock<Value>,
}

impl Library {
    /// The library of the project at index `project`.
    pub(super) fn new(shared: Arc<Shared>, project: usize) -> Library {
        let mut maker = Maker { macros: Vec::new(), packages: Vec::new(), called: BTreeSet::new() };
        for at in shared.search_order(project).into_iter().chain(0..shared.projects.len()) {
            if maker.packages.iter().any(|package| package.project == Some(at)) {
                continue;
            }
            let Some(known) = shared.projects.get(at) else { continue };
            let texts = known.macros.iter().map(|file| file.text.as_str());
            maker.add_package(&known.name, Some(at), texts);
        }
        for (name, text) in BUILTIN {
            maker.add_package(name, None, std::iter::once(text));
        }
        let environment = maker.make_environment(&shared);
        let Maker { macros, packages, called, .. } = maker;
        Library { inner: Arc::new(Inner { shared, project, environment, macros, packages, called, graph: OnceLock::new() }) }
    }

    /// The relation of a source of the project, as its own `source` makes it.
    pub(super) fn source_relation(&self, source: usize) -> Option<RelationName> {
        let inner = &self.inner;
        let known = inner.shared.projects.get(inner.project)?.sources.get(source)?;
        let run = Run::beside(inner.clone());
        let arguments = [Value::from(known.source.as_str()), Value::from(known.table.as_str())];
        let value = run.call_named("source", &arguments)?;
        match value.downcast_object_ref::<Relation>() {
            Some(relation) => Some(relation.name()),
            None if value.kind() == ValueKind::String => Some(RelationName::from_dotted(show(&value).trim())),
            None => None,
        }
    }
}

impl Inner {
    /// The macro that `name` means in `package`: its own, the project's, then ours of dbt itself.
    pub(super) fn find_macro(&self, package: usize, name: &str) -> Option<usize> {
        let of = |package: usize| self.packages.get(package)?.macros.get(name).copied();
        of(package).or_else(|| of(0))
    }

    /// Our own macro of dbt itself.
    pub(super) fn find_dbt_macro(&self, name: &str) -> Option<usize> {
        let package = self.packages.iter().find(|package| package.project.is_none() && package.name == "dbt")?;
        package.macros.get(name).copied()
    }

    /// The packages called `name`; a project goes before our own.
    pub(super) fn packages_named(&self, name: &str) -> Vec<usize> {
        self.packages.iter().enumerate().filter(|(_, package)| package.name == name).map(|(at, _)| at).collect()
    }
}

struct Maker {
    macros: Vec<Macro>,
    packages: Vec<Package>,
    called: BTreeSet<String>,
}

impl Maker {
    fn add_package<'t>(&mut self, name: &str, project: Option<usize>, texts: impl Iterator<Item = &'t str>) {
        let package = self.packages.len();
        let mut macros = HashMap::new();
        for text in texts {
            let (found, _) = split_macros(text);
            for MacroText { name, parameters, body } in found {
                let at = self.macros.len();
                macros.entry(name.clone()).or_insert(at);
                let parameters =
                    parameters.into_iter().map(|(name, default)| (name, default.map(|text| self.rewrite_default(&text))));
                let parameters = parameters.collect();
                let template = format!("{package}/{at}/{name}");
                let uses_caller = body.contains("caller");
                self.macros.push(Macro { name, package, parameters, body, template, uses_caller });
            }
        }
        self.packages.push(Package { name: name.to_owned(), macros, project });
    }

    /// A default as an expression in which lists can be changed.
    fn rewrite_default(&mut self, text: &str) -> String {
        let whole = format!("{{{{({text})}}}}");
        let Ok(rewritten) = rewrite(&whole, &BTreeSet::new(), Tags::Dbt) else { return text.to_owned() };
        self.note(&rewritten);
        rewritten.text.strip_prefix("{{(").and_then(|text| text.strip_suffix(")}}")).unwrap_or(text).to_owned()
    }

    fn note(&mut self, rewritten: &Rewritten) {
        self.called.extend(rewritten.called.iter().cloned());
    }

    fn make_environment(&mut self, shared: &Shared) -> Environment<'static> {
        let mut environment = Environment::new();
        if let Ok(syntax) = minijinja::syntax::SyntaxConfig::builder().keep_trailing_newline(true).build() {
            environment.set_syntax(syntax);
        }
        environment.set_debug(false);
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_fuel(Some((shared.settings.max_steps / 8).max(1)));
        environment.set_recursion_limit(shared.settings.max_depth);
        environment.set_unknown_method_callback(methods::call_method);
        environment.set_formatter(|out, _, value| {
            let written = match value.kind() {
                ValueKind::None | ValueKind::Undefined => Ok(()),
                _ => out.write_str(&show(value)),
            };
            written.map_err(|_| minijinja::Error::new(minijinja::ErrorKind::WriteFailure, "the rendering could not be written"))
        });
        let mut bodies = Vec::with_capacity(self.macros.len());
        for known in &self.macros {
            bodies.push(rewrite(&known.body, &BTreeSet::new(), Tags::Dbt).ok());
        }
        for rewritten in bodies.iter().flatten() {
            self.note(rewritten);
        }
        add_functions(&mut environment);
        add_snapshot_tags(&mut environment);
        for (known, rewritten) in self.macros.iter().zip(bodies) {
            // What does not compile is a macro that cannot be called: said where it is.
            if let Some(rewritten) = rewritten {
                environment.add_template_owned(known.template.clone(), rewritten.text).ok();
            }
        }
        environment
    }
}
