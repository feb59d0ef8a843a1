//! All LookML files of a source and of the projects that it imports: views by name, what includes
//! make visible, which table and which fields a view has.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

use globset::GlobBuilder;

use super::parse::Entry;

/// Definitions that inherit from each other at most.
const LONGEST_CHAIN: usize = 30;

/// One file.
pub(super) struct LookmlFile<'t> {
    /// The project that holds it.
    pub(super) project: &'t str,
    /// The path inside the project.
    pub(super) path: &'t str,
    pub(super) entries: Vec<Entry<'t>>,
}

/// A block at the top of a file: a view, an explore, a model's setting.
#[derive(Clone, Copy)]
pub(super) struct Piece<'p, 't> {
    pub(super) file: usize,
    pub(super) entry: &'p Entry<'t>,
}

/// A view: its definition and its refinements in one project.
pub(super) struct View<'p, 't> {
    pub(super) project: &'t str,
    /// Its key in the project's namespace.
    pub(super) key: String,
    /// What it is called in LookML.
    pub(super) name: &'t str,
    /// The definition first, then refinements.
    pub(super) pieces: Vec<Piece<'p, 't>>,
    /// Whether it only refines a view of another project.
    pub(super) refines: bool,
    /// Fields, in order; of a field that is refined, all its blocks.
    pub(super) fields: Vec<Field<'p, 't>>,
    by_name: HashMap<&'t str, usize>,
}

/// A field of a view.
#[derive(Clone)]
pub(super) struct Field<'p, 't> {
    pub(super) kind: FieldKind,
    pub(super) name: &'t str,
    /// What is taken from fields of that name of views that are extended or refined, then its own blocks.
    pub(super) blocks: Vec<Piece<'p, 't>>,
    /// How many of the blocks are taken.
    taken: usize,
}

/// What a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldKind {
    Dimension,
    Group,
    Measure,
    /// `filter` and `parameter`: what a viewer may set.
    Setting,
}

impl<'p, 't> Field<'p, 't> {
    /// The entry of `key` that holds: a refinement's before the definition's.
    pub(super) fn entry(&self, key: &str) -> Option<(usize, &'p Entry<'t>)> {
        self.blocks.iter().rev().find_map(|piece| {
            let found = piece.entry.entries().iter().rev().find(|entry| entry.key == key)?;
            Some((piece.file, found))
        })
    }

    /// The text of `key`.
    pub(super) fn text(&self, key: &str) -> Option<&'p str> {
        self.entry(key).and_then(|(_, entry)| entry.text()).map(|(text, _)| text)
    }

    /// File and line of the definition.
    pub(super) fn place(&self) -> (usize, u32) {
        self.blocks.get(self.taken).map_or((0, 1), |piece| (piece.file, piece.entry.line))
    }
}

impl<'p, 't> View<'p, 't> {
    /// The entry of `key` that holds, of the view itself.
    pub(super) fn entry(&self, key: &str) -> Option<(usize, &'p Entry<'t>)> {
        self.pieces.iter().rev().find_map(|piece| {
            let found = piece.entry.entries().iter().rev().find(|entry| entry.key == key)?;
            Some((piece.file, found))
        })
    }

    /// The view's own field of that name.
    pub(super) fn field(&self, name: &str) -> Option<&Field<'p, 't>> {
        self.by_name.get(name).and_then(|at| self.fields.get(*at))
    }

    /// Whether the view itself says which table it is of.
    pub(super) fn has_table(&self) -> bool {
        self.entry("sql_table_name").is_some() || self.entry("derived_table").is_some()
    }

    /// File and line of the definition.
    pub(super) fn place(&self) -> (usize, u32) {
        self.pieces.first().map_or((0, 1), |piece| (piece.file, piece.entry.line))
    }

    fn take_fields(&mut self) {
        for piece in self.pieces.clone() {
            for entry in piece.entry.entries() {
                let kind = match entry.key {
                    "dimension" => FieldKind::Dimension,
                    "dimension_group" => FieldKind::Group,
                    "measure" => FieldKind::Measure,
                    "filter" | "parameter" => FieldKind::Setting,
                    _ => continue,
                };
                let block = Piece { file: piece.file, entry };
                match self.by_name.get(entry.name()) {
                    Some(at) => self.fields[*at].blocks.push(block),
                    None => {
                        self.by_name.insert(entry.name(), self.fields.len());
                        self.fields.push(Field { kind, name: entry.name(), blocks: vec![block], taken: 0 });
                    }
                }
            }
        }
    }
}

/// Every file, ready to be asked.
pub(super) struct Project<'p, 't> {
    pub(super) files: &'p [LookmlFile<'t>],
    pub(super) views: Vec<View<'p, 't>>,
    /// View name → views.
    by_name: HashMap<&'t str, Vec<usize>>,
    /// Explore name → its definition and refinements.
    explores: HashMap<&'t str, Vec<Piece<'p, 't>>>,
    /// View name → the `sql` of joins that make it.
    joins: HashMap<&'t str, Vec<(Piece<'p, 't>, &'p Entry<'t>)>>,
    paths: HashMap<(&'t str, &'t str), usize>,
    includes: Vec<Vec<usize>>,
    closures: RefCell<HashMap<usize, HashSet<usize>>>,
}

impl<'p, 't> Project<'p, 't> {
    pub(super) fn new(files: &'p [LookmlFile<'t>]) -> Project<'p, 't> {
        let paths: HashMap<(&str, &str), usize> =
            files.iter().enumerate().map(|(at, file)| ((file.project, file.path), at)).collect();
        let mut project = Project {
            files,
            views: Vec::new(),
            by_name: HashMap::new(),
            explores: HashMap::new(),
            joins: HashMap::new(),
            includes: resolve_includes(files, &paths),
            paths,
            closures: RefCell::default(),
        };
        project.gather();
        project
    }

    fn gather(&mut self) {
        let files = self.files;
        let mut groups: BTreeMap<(&'t str, String), Vec<Piece<'p, 't>>> = BTreeMap::new();
        let mut refinements = Vec::new();
        for (file, entry) in files.iter().enumerate().flat_map(|(at, file)| file.entries.iter().map(move |entry| (at, entry))) {
            let piece = Piece { file, entry };
            match entry.key {
                "view" if entry.name().starts_with('+') => refinements.push(piece),
                "view" => groups.entry((files[file].project, key_of(files[file].path, entry.name()))).or_default().push(piece),
                "explore" => {
                    self.explores.entry(entry.name().trim_start_matches('+')).or_default().push(piece);
                    for join in entry.entries().iter().filter(|inner| inner.key == "join") {
                        if let Some(sql) = join.entries().iter().find(|inner| inner.key == "sql") {
                            self.joins.entry(join.name()).or_default().push((piece, sql));
                        }
                    }
                }
                _ => {}
            }
        }
        for pieces in self.explores.values_mut() {
            pieces.sort_by_key(|piece| piece.entry.name().starts_with('+'));
        }
        for ((project, key), pieces) in groups {
            self.add(project, key, pieces, false);
        }
        // A refinement belongs to the view that it sees, where that is of its own project.
        let mut others: BTreeMap<(&'t str, String), Vec<Piece<'p, 't>>> = BTreeMap::new();
        for piece in refinements {
            let (own, name) = (files[piece.file].project, piece.entry.name().trim_start_matches('+'));
            match self.find_view(name, piece.file) {
                Some(at) if self.views[at].project == own => self.views[at].pieces.push(piece),
                _ => others.entry((own, key_of(files[piece.file].path, name))).or_default().push(piece),
            }
        }
        for ((project, key), pieces) in others {
            let taken = self.views.iter().any(|view| view.project == project && view.key == key);
            self.add(project, if taken { format!("{key}.refined") } else { key }, pieces, true);
        }
        self.views.iter_mut().for_each(View::take_fields);
        self.complete_fields();
    }

    /// A field that is defined again, in a view that extends or refines another, says only what is new.
    fn complete_fields(&mut self) {
        let mut taken = Vec::new();
        for at in 0..self.views.len() {
            let parents = self.parents(at).0;
            for (number, field) in self.views[at].fields.iter().enumerate().filter(|_| !parents.is_empty()) {
                let inherited = parents.iter().rev().filter_map(|parent| self.views[*parent].field(field.name));
                let blocks: Vec<Piece<'p, 't>> = inherited.flat_map(|field| field.blocks.iter().copied()).collect();
                if !blocks.is_empty() {
                    taken.push((at, number, blocks));
                }
            }
        }
        for (at, number, mut blocks) in taken {
            let field = &mut self.views[at].fields[number];
            field.taken = blocks.len();
            blocks.append(&mut field.blocks);
            field.blocks = blocks;
        }
    }

    fn add(&mut self, project: &'t str, key: String, pieces: Vec<Piece<'p, 't>>, refines: bool) {
        let Some(name) = pieces.first().map(|piece| piece.entry.name().trim_start_matches('+')) else { return };
        self.by_name.entry(name).or_default().push(self.views.len());
        self.views.push(View { project, key, name, pieces, refines, fields: Vec::new(), by_name: HashMap::new() });
    }

    /// The view that `name` means in a file: what its includes make visible, a refinement before what
    /// it refines; else of the same folder; else the only one, or the first.
    pub(super) fn find_view(&self, name: &str, file: usize) -> Option<usize> {
        self.find_view_but(name, file, None)
    }

    /// The same, without one view: what a refinement refines.
    pub(super) fn find_view_but(&self, name: &str, file: usize, but: Option<usize>) -> Option<usize> {
        let candidates = self.by_name.get(name)?;
        let candidates = candidates.iter().copied().filter(|at| Some(*at) != but && !(but.is_some() && self.views[*at].refines));
        let candidates: Vec<usize> = candidates.collect();
        if let ([_] | [], _) = (candidates.as_slice(), ()) {
            return candidates.first().copied();
        }
        let visible = self.visible(file);
        let folder = |at: usize| self.files[at].path.split('/').next().unwrap_or_default();
        let rank = |at: &usize| {
            let view = &self.views[*at];
            let is_visible = view.pieces.iter().any(|piece| visible.contains(&piece.file));
            let (own, _) = view.place();
            (!is_visible, !view.refines, folder(own) != folder(file), view.project != self.files[file].project, *at)
        };
        candidates.into_iter().min_by_key(rank)
    }

    /// The explore that `name` means in a file, all its blocks.
    pub(super) fn find_explore(&self, name: &str, file: usize) -> Vec<Piece<'p, 't>> {
        let Some(pieces) = self.explores.get(name) else { return Vec::new() };
        let visible = self.visible(file);
        let near: Vec<Piece<'p, 't>> = pieces.iter().copied().filter(|piece| visible.contains(&piece.file)).collect();
        if near.iter().any(|piece| !piece.entry.name().starts_with('+')) {
            return near;
        }
        let folder = self.files[file].path.split('/').next();
        let of_folder = |piece: &&Piece<'p, 't>| self.files[piece.file].path.split('/').next() == folder;
        let same: Vec<Piece<'p, 't>> = pieces.iter().filter(of_folder).copied().collect();
        if same.is_empty() { pieces.iter().take(1).copied().collect() } else { same }
    }

    /// The file of a model.
    pub(super) fn find_model(&self, name: &str, project: &str) -> Option<usize> {
        let ending = format!("{name}.model.lkml");
        let is_it = |path: &str| path == ending || path.ends_with(&format!("/{ending}"));
        self.files.iter().position(|file| file.project == project && is_it(file.path))
    }

    /// How an explore joins a view that has no table: (the explore, the join's SQL), nearest first.
    pub(super) fn find_join(&self, view: &View<'p, 't>) -> Option<(Piece<'p, 't>, &'p Entry<'t>)> {
        let joins = self.joins.get(view.name)?;
        let (own, _) = view.place();
        let folder = |at: usize| self.files[at].path.split('/').next().unwrap_or_default();
        joins.iter().copied().min_by_key(|(piece, _)| {
            (self.files[piece.file].project != view.project, folder(piece.file) != folder(own), piece.file)
        })
    }

    /// The views that a view takes fields and its table from, nearest first; in a cycle none twice.
    /// The flag says whether a cycle was met.
    pub(super) fn parents(&self, at: usize) -> (Vec<usize>, bool) {
        let mut chain: Vec<usize> = Vec::new();
        let mut is_cyclic = false;
        let mut waiting = self.direct_parents(at);
        waiting.reverse();
        while let Some(next) = waiting.pop() {
            if next == at || chain.contains(&next) || chain.len() >= LONGEST_CHAIN {
                is_cyclic |= next == at;
                continue;
            }
            chain.push(next);
            let mut more = self.direct_parents(next);
            more.reverse();
            waiting.append(&mut more);
        }
        (chain, is_cyclic)
    }

    fn direct_parents(&self, at: usize) -> Vec<usize> {
        let view = &self.views[at];
        let mut parents = Vec::new();
        for piece in view.pieces.iter().rev() {
            for entry in piece.entry.entries().iter().filter(|entry| matches!(entry.key, "extends" | "extends__all")) {
                let names = entry.items();
                parents.extend(names.iter().rev().filter_map(|item| self.find_view_but(&item.text, piece.file, Some(at))));
            }
        }
        if view.refines
            && let Some(piece) = view.pieces.first()
        {
            parents.extend(self.find_view_but(view.name, piece.file, Some(at)));
        }
        parents
    }

    /// The names of `extends` that no view has, with their file and line.
    pub(super) fn missing_parents(&self, at: usize) -> Vec<(usize, u32, String)> {
        let view = &self.views[at];
        let mut missing = Vec::new();
        for piece in &view.pieces {
            for entry in piece.entry.entries().iter().filter(|entry| entry.key == "extends") {
                let names = entry.items().into_iter().map(|item| (item.text.into_owned(), item.line));
                let lost = names.filter(|(name, _)| !self.by_name.contains_key(name.as_str()));
                missing.extend(lost.map(|(name, line)| (piece.file, line, name)));
            }
        }
        missing
    }

    /// The view that has the field `name` as seen from the view `at`, and the field.
    pub(super) fn find_field(&self, at: usize, name: &str) -> Option<(usize, &Field<'p, 't>)> {
        if let Some(field) = self.views[at].field(name) {
            return Some((at, field));
        }
        let (parents, _) = self.parents(at);
        parents.into_iter().find_map(|parent| self.views[parent].field(name).map(|field| (parent, field)))
    }

    /// The view whose asset has a field as the view `at` sees it: a view with a table of its own has
    /// what it inherits too.
    pub(super) fn find_asset(&self, at: usize, name: &str) -> Option<usize> {
        let has = |view: &usize| {
            self.views[*view].field(name).is_some() || self.views[*view].has_table() && self.find_field(*view, name).is_some()
        };
        let (parents, _) = self.parents(at);
        std::iter::once(at).chain(parents).find(has)
    }

    /// Files that a file sees: itself, what it includes, and what that includes.
    fn visible(&self, file: usize) -> HashSet<usize> {
        if let Some(known) = self.closures.borrow().get(&file) {
            return known.clone();
        }
        let mut seen = HashSet::from([file]);
        let mut waiting = vec![file];
        while let Some(next) = waiting.pop() {
            waiting.extend(self.includes[next].iter().copied().filter(|other| seen.insert(*other)));
        }
        self.closures.borrow_mut().insert(file, seen.clone());
        seen
    }

    /// The own file at `path`.
    pub(super) fn file_at(&self, project: &str, path: &str) -> Option<usize> {
        self.paths.get(&(project, path)).copied()
    }
}

/// The key of a view: its folders, without those that only say what stands in them, and its name.
pub(super) fn key_of(path: &str, name: &str) -> String {
    const KINDS: [&str; 5] = ["views", "explores", "dashboards", "models", "refinements"];
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    parts.retain(|part| !KINDS.contains(part));
    parts.push(name);
    parts.join(".")
}

/// For every file the files that it includes, sorted.
fn resolve_includes(files: &[LookmlFile<'_>], paths: &HashMap<(&str, &str), usize>) -> Vec<Vec<usize>> {
    let mut of_pattern: HashMap<(String, String), Vec<usize>> = HashMap::new();
    let resolve = |project: &str, pattern: &str| -> Vec<usize> {
        let plain = [pattern.to_owned(), format!("{pattern}.lkml")];
        if !pattern.contains('*') {
            return plain.iter().filter_map(|path| paths.get(&(project, path.as_str())).copied()).collect();
        }
        let globs: Vec<_> = plain
            .iter()
            .filter_map(|pattern| GlobBuilder::new(pattern).literal_separator(true).build().ok())
            .map(|glob| glob.compile_matcher())
            .collect();
        let matches = |file: &LookmlFile<'_>| file.project == project && globs.iter().any(|glob| glob.is_match(file.path));
        files.iter().enumerate().filter(|(_, file)| matches(file)).map(|(at, _)| at).collect()
    };
    let mut includes = Vec::with_capacity(files.len());
    for file in files {
        let mut own = BTreeSet::new();
        for entry in file.entries.iter().filter(|entry| entry.key == "include") {
            let Some((text, _)) = entry.text() else { continue };
            let (project, pattern) = locate(file, text);
            let found = of_pattern.entry((project, pattern)).or_insert_with_key(|(project, pattern)| resolve(project, pattern));
            own.extend(found.iter().copied());
        }
        includes.push(own.into_iter().collect());
    }
    includes
}

/// The project and the path of what `include` names in `file`.
fn locate(file: &LookmlFile<'_>, include: &str) -> (String, String) {
    if let Some(rest) = include.strip_prefix("//") {
        let (project, path) = rest.split_once('/').unwrap_or((rest, ""));
        return (project.to_owned(), path.to_owned());
    }
    let path = match include.strip_prefix('/') {
        // A project may write its own name in front.
        Some(path) => path.strip_prefix(file.project).and_then(|rest| rest.strip_prefix('/')).unwrap_or(path).to_owned(),
        None => match file.path.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{include}"),
            None => include.to_owned(),
        },
    };
    (file.project.to_owned(), path)
}
