//! dbt's context: a project's macros, names and settings, and what renders its files with them.
//!
//! In: [`DbtProject`]s, and the texts of their files. Out: for every node its place in the warehouse, and
//! renderings with offset maps. What only the warehouse knows is a marked placeholder; columns of
//! relations are asked for, never guessed. Bounded like every template.

mod config;
mod functions;
mod library;
mod macros;
mod moment;
mod relation;
mod render;
mod run;
mod values;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::{Rendered, Settings};
use crate::model::{DbtProject, DbtResource, Dialect, RelationName};
use library::Library;

pub use config::{NodeConfig, Placed};

/// Columns of relations, as far as anybody asked: `None` where they are not known. (name, type or "").
pub type Columns = BTreeMap<RelationName, Option<Vec<(String, String)>>>;

/// What became of a file of a project.
#[derive(Clone, Debug)]
pub struct DbtRendered {
    /// The renderings.
    pub rendered: Rendered,
    /// Relations whose columns were asked for.
    pub asked: BTreeSet<RelationName>,
}

/// The projects of one source, ready to render.
pub struct DbtProjects {
    pub(super) shared: Arc<Shared>,
    libraries: Vec<Library>,
}

/// What all projects of a source know of each other.
pub(super) struct Shared {
    pub(super) projects: Vec<DbtProject>,
    pub(super) dialect: Dialect,
    pub(super) settings: Settings,
    /// For every project and node, what was settled.
    pub(super) placed: Vec<Vec<Placed>>,
    /// (project, name) → nodes, in order.
    pub(super) names: HashMap<(usize, String), Vec<usize>>,
    /// name → (project, node), in order.
    pub(super) anywhere: HashMap<String, Vec<(usize, usize)>>,
    /// (project, source, table) → index into its sources.
    pub(super) sources: HashMap<(usize, String, String), usize>,
    /// Texts of ephemeral models, by path.
    pub(super) ephemeral: HashMap<String, Arc<str>>,
}

impl DbtProjects {
    /// Settles the place of every node of `projects`; `texts` yields the text of a file by its path.
    pub fn new(
        projects: Vec<DbtProject>,
        dialect: Dialect,
        settings: Settings,
        texts: &(dyn Fn(&str) -> Option<Arc<str>> + Sync),
    ) -> DbtProjects {
        let mut shared = Shared {
            placed: projects.iter().map(|_| Vec::new()).collect(),
            names: HashMap::new(),
            anywhere: HashMap::new(),
            sources: HashMap::new(),
            ephemeral: HashMap::new(),
            projects,
            dialect,
            settings,
        };
        shared.index();
        let bare = Arc::new(shared);
        let libraries: Vec<Library> = (0..bare.projects.len()).map(|at| Library::new(bare.clone(), at)).collect();
        let placed: Vec<Vec<Placed>> = libraries.iter().map(|library| config::place_nodes(library, texts)).collect();
        let mut shared = Arc::try_unwrap(bare).unwrap_or_else(|shared| Shared::clone_of(&shared));
        for (project, placed) in shared.projects.iter().zip(&placed) {
            for (node, placed) in project.nodes.iter().zip(placed) {
                if placed.config.materialized == "ephemeral"
                    && let Some(text) = texts(&node.path)
                {
                    shared.ephemeral.insert(node.path.clone(), text);
                }
            }
        }
        shared.placed = placed;
        let shared = Arc::new(shared);
        let libraries = (0..shared.projects.len()).map(|at| Library::new(shared.clone(), at)).collect();
        DbtProjects { shared, libraries }
    }

    /// The projects.
    pub fn projects(&self) -> &[DbtProject] {
        &self.shared.projects
    }

    /// What was settled of the nodes of a project, in their order.
    pub fn placed(&self, project: usize) -> &[Placed] {
        self.shared.placed.get(project).map(Vec::as_slice).unwrap_or_default()
    }

    /// The relation that a project's source is, as the project's own `source` makes it.
    pub fn source_relation(&self, project: usize, source: usize) -> Option<RelationName> {
        self.libraries.get(project)?.source_relation(source)
    }

    /// Renders the file of a node: `text`, which stands at the node's path; without a node, a definition
    /// of the project.
    pub fn render(&self, project: usize, node: Option<usize>, text: &str, columns: &Columns) -> DbtRendered {
        match self.libraries.get(project) {
            Some(library) => render::render_node(library, node, text, columns),
            None => DbtRendered { rendered: super::render(text, &Settings::default()), asked: BTreeSet::new() },
        }
    }
}

impl Shared {
    fn clone_of(shared: &Shared) -> Shared {
        Shared {
            projects: shared.projects.clone(),
            dialect: shared.dialect,
            settings: shared.settings.clone(),
            placed: shared.placed.clone(),
            names: shared.names.clone(),
            anywhere: shared.anywhere.clone(),
            sources: shared.sources.clone(),
            ephemeral: shared.ephemeral.clone(),
        }
    }

    fn index(&mut self) {
        for (at, project) in self.projects.iter().enumerate() {
            for (number, node) in project.nodes.iter().enumerate() {
                if matches!(node.resource, DbtResource::Model | DbtResource::Seed | DbtResource::Snapshot) {
                    self.names.entry((at, node.name.clone())).or_default().push(number);
                    self.anywhere.entry(node.name.clone()).or_default().push((at, number));
                }
            }
            for (number, source) in project.sources.iter().enumerate() {
                self.sources.entry((at, source.source.clone(), source.table.clone())).or_insert(number);
            }
        }
    }

    /// The index of the project that stands in the folder `root`.
    pub(super) fn project_at(&self, root: &str) -> Option<usize> {
        self.projects.iter().position(|project| project.root == root)
    }

    /// The projects that `project` looks for names in, itself first: what it uses, and what uses it.
    pub(super) fn search_order(&self, project: usize) -> Vec<usize> {
        let mut order = vec![project];
        let mut at = 0;
        while let Some(now) = order.get(at).copied() {
            let uses = self.projects.get(now).map(|project| project.uses.as_slice()).unwrap_or_default();
            for used in uses.iter().filter_map(|root| self.project_at(root)) {
                if !order.contains(&used) {
                    order.push(used);
                }
            }
            at += 1;
        }
        let root = self.projects.get(project).map(|project| project.root.clone()).unwrap_or_default();
        for (other, candidate) in self.projects.iter().enumerate() {
            if candidate.uses.contains(&root) && !order.contains(&other) {
                order.push(other);
            }
        }
        order
    }

    /// What `ref` means in `project`: (project, node).
    pub(super) fn find_node(
        &self,
        project: usize,
        package: Option<&str>,
        name: &str,
        version: Option<&str>,
    ) -> Option<(usize, usize)> {
        let wanted = |at: usize| package.is_none_or(|package| self.projects.get(at).is_some_and(|it| it.name == package));
        let order = self.search_order(project).into_iter().filter(|at| wanted(*at));
        for at in order.chain((0..self.projects.len()).filter(|at| package.is_some() && wanted(*at))) {
            let candidates = self.names.get(&(at, name.to_owned())).map(Vec::as_slice).unwrap_or_default();
            if let Some(node) = self.choose(at, candidates, version) {
                return Some((at, node));
            }
        }
        let anywhere = self.anywhere.get(name).map(Vec::as_slice).unwrap_or_default();
        match anywhere {
            [only] if package.is_none() => Some(*only),
            _ => None,
        }
    }

    /// Of nodes with one name: the version asked for, else the newest; enabled ones first.
    fn choose(&self, project: usize, candidates: &[usize], version: Option<&str>) -> Option<usize> {
        let node = |at: &usize| self.projects.get(project).and_then(|project| project.nodes.get(*at));
        let enabled =
            |at: &&usize| self.placed.get(project).and_then(|placed| placed.get(**at)).is_none_or(|placed| placed.config.enabled);
        let fits = |at: &&usize| match (node(at).and_then(|node| node.version.as_ref()), version) {
            (Some((own, _)), Some(version)) => own == version.trim_start_matches('v') || own == version,
            (Some((_, latest)), None) => *latest,
            (None, None) => true,
            (None, Some(_)) => false,
        };
        let fitting: Vec<&usize> = candidates.iter().filter(fits).collect();
        fitting.iter().copied().find(enabled).or(fitting.first().copied()).copied()
    }

    /// The value of a variable, as `dbt_project.yml` has it.
    pub(super) fn variable(&self, project: usize, name: &str) -> Option<Json> {
        if let Some(value) = self.settings.variables.get(name) {
            return Some(value.clone());
        }
        let own = self.projects.get(project)?;
        let users = self.projects.iter().filter(|other| other.uses.contains(&own.root));
        for holder in users.chain([own]) {
            let Some(Json::Object(vars)) = holder.settings.get("vars") else { continue };
            let scoped = vars.get(&own.name).and_then(Json::as_object).and_then(|scoped| scoped.get(name));
            if let Some(value) = scoped.or_else(|| vars.get(name)) {
                return Some(value.clone());
            }
        }
        None
    }
}

/// The entries of a JSON object; none of anything else.
fn entries(json: Option<&Json>) -> impl Iterator<Item = (&String, &Json)> {
    static NOTHING: std::sync::LazyLock<Map<String, Json>> = std::sync::LazyLock::new(Map::new);
    json.and_then(Json::as_object).unwrap_or(&NOTHING).iter()
}
