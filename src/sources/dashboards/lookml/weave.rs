//! Puts SQL together from LookML's pieces: `${TABLE}`, `${field}`, `${view.field}`, tables, Liquid.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    liquid::rewrite_liquid,
    parse::Entry,
    project::{Field, FieldKind, Project, View},
};
use crate::{
    model::{Dialect, RelationName},
    sources::{
        compose::Composer,
        dashboards::{identifier, literal, quote},
    },
};

/// Fields that are put into each other at most.
const DEEPEST: usize = 12;
/// The longest SQL of one definition, in bytes: fields that use fields multiply.
const LONGEST: usize = 1 << 20;

/// One SELECT on its way, as a view sees it.
pub(super) struct Weave<'a, 'p, 't> {
    pub(super) project: &'a Project<'p, 't>,
    pub(super) dialect: Dialect,
    /// The file that the definition stands in, and its line: pieces of other files come from there.
    pub(super) file: usize,
    pub(super) line: u32,
    pub(super) sql: Composer,
    /// Views whose tables are read under an alias: their fields are put in as SQL.
    pub(super) scope: Vec<(usize, String)>,
    /// Stand-ins by name.
    pub(super) stand_ins: BTreeMap<String, RelationName>,
    /// Stand-ins that FROM has already.
    placed: BTreeSet<String>,
    written: usize,
    /// Fields that are being put in.
    open: Vec<(usize, String)>,
}

/// Where a piece of SQL stands and what it means there.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    /// The view whose `${TABLE}` it is.
    pub(super) view: usize,
    pub(super) file: usize,
    pub(super) line: u32,
}

impl<'a, 'p, 't> Weave<'a, 'p, 't> {
    pub(super) fn new(project: &'a Project<'p, 't>, dialect: Dialect, (file, line): (usize, u32)) -> Self {
        Weave {
            project,
            dialect,
            file,
            line,
            sql: Composer::default(),
            scope: Vec::new(),
            stand_ins: BTreeMap::new(),
            placed: BTreeSet::new(),
            written: 0,
            open: Vec::new(),
        }
    }

    /// Adds words of our own.
    pub(super) fn put(&mut self, words: &str) {
        self.written += words.len();
        self.sql.put(words, self.line);
    }

    /// Adds a piece of a file.
    fn copy(&mut self, text: &str, file: usize, line: u32) {
        self.written += text.len();
        if file == self.file {
            self.sql.copy(text, line);
        } else {
            self.sql.put(text, self.line);
        }
    }

    /// A name that means `relation` in this SELECT.
    pub(super) fn stand_in(&mut self, wanted: &str, relation: RelationName) -> String {
        let plain = identifier(wanted);
        let mut name = plain.clone();
        let mut number = 2;
        while self.stand_ins.get(&name).is_some_and(|known| *known != relation) {
            name = format!("{plain}_{number}");
            number += 1;
        }
        self.stand_ins.insert(name.clone(), relation);
        name
    }

    /// The name of a view's asset.
    pub(super) fn relation_of(&self, at: usize) -> RelationName {
        let view = &self.project.views[at];
        RelationName::outside(format!("looker://{}", view.project), view.key.clone())
    }

    /// The name of the asset of a measure, which the view `at` itself has.
    pub(super) fn metric_of(&self, at: usize, field: &str) -> RelationName {
        let view = &self.project.views[at];
        RelationName::outside(format!("looker://{}", view.project), format!("{}.{field}", view.key))
    }

    /// Adds SQL of a file, with everything that it refers to.
    pub(super) fn add_sql(&mut self, text: &str, spot: Spot) {
        let project = self.project;
        let default_of = |name: &str| {
            let (_, field) = project.find_field(spot.view, name)?;
            let default = field.text("default_value").or_else(|| first_allowed(field))?;
            let is_text = field.text("type").is_none_or(|kind| matches!(kind, "string" | "date" | "date_time"));
            Some(if is_text { format!("'{default}'") } else { default.to_owned() })
        };
        let text = rewrite_liquid(text, &default_of);
        let mut rest = text.as_str();
        let mut line = spot.line;
        while let Some(start) = rest.find("${") {
            let Some(end) = rest[start..].find('}').map(|at| at + start) else { break };
            let before = &rest[..start];
            self.copy(before, spot.file, line);
            line += before.matches('\n').count() as u32;
            self.add_reference(rest[start + 2..end].trim(), Spot { line, ..spot });
            line += rest[start..end].matches('\n').count() as u32;
            rest = &rest[end + 1..];
        }
        self.copy(rest, spot.file, line);
    }

    /// Adds what `${reference}` means.
    fn add_reference(&mut self, reference: &str, spot: Spot) {
        // `${created_date::datetime}` is the field as filters compare it.
        let reference = reference.split("::").next().unwrap_or(reference);
        if reference == "TABLE" {
            let alias = self.scope.iter().find(|(view, _)| *view == spot.view).map(|(_, alias)| alias.clone());
            return self.put(&alias.unwrap_or_else(|| identifier(self.project.views[spot.view].name)));
        }
        let (view, name) = match reference.split_once('.') {
            Some((view, name)) => (self.view_called(view, spot), name),
            None => (Some(spot.view), reference),
        };
        let Some(at) = view else {
            // Of a view that no file defines: the name as it stands.
            return self.put(&reference.replace(".SQL_TABLE_NAME", ""));
        };
        if name == "SQL_TABLE_NAME" {
            return self.add_table(at);
        }
        self.add_field(at, name, spot);
    }

    fn view_called(&self, name: &str, spot: Spot) -> Option<usize> {
        let is_it = |(view, alias): &&(usize, String)| self.project.views[*view].name == name || alias == name;
        if let Some((view, _)) = self.scope.iter().find(is_it) {
            return Some(*view);
        }
        if self.project.views[spot.view].name == name {
            return Some(spot.view);
        }
        self.project.find_view(name, spot.file)
    }

    /// Adds a field of a view: as SQL where the view's table is read here, else as a column of the
    /// view's asset or of the measure's.
    pub(super) fn add_field(&mut self, at: usize, name: &str, spot: Spot) {
        let project = self.project;
        let Some((owner, field, timeframe)) = find_timed_field(project, at, name) else {
            // No such field: a column of that name, so that the engine says what is missing.
            let alias = self.scope.iter().find(|(view, _)| *view == at).map(|(_, alias)| alias.clone());
            let alias = match alias {
                Some(alias) => alias,
                None => self.stand_in(&format!("view_{}", project.views[at].name), self.relation_of(at)),
            };
            return self.put(&format!("{alias}.{}", quote(self.dialect, name)));
        };
        let owner = project.find_asset(at, field.name).unwrap_or(owner);
        if field.kind == FieldKind::Measure {
            let relation = self.metric_of(owner, field.name);
            let stand_in = self.stand_in(&format!("metric_{}", field.name), relation);
            return self.put(&format!("{stand_in}.{}", quote(self.dialect, field.name)));
        }
        let is_here = self.scope.iter().any(|(view, _)| *view == at);
        let is_open = self.open.iter().any(|(view, open)| *view == at && open == name);
        if is_here && !is_open && self.open.len() < DEEPEST && self.written < LONGEST {
            self.open.push((at, name.to_owned()));
            self.put("(");
            self.add_dimension(at, field, timeframe.as_deref(), spot);
            self.put(")");
            self.open.pop();
            return;
        }
        let stand_in = self.stand_in(&format!("view_{}", project.views[owner].name), self.relation_of(owner));
        self.put(&format!("{stand_in}.{}", quote(self.dialect, name)));
    }

    /// Adds the SQL of a dimension as the view `at` sees it.
    pub(super) fn add_dimension(&mut self, at: usize, field: &Field<'p, 't>, timeframe: Option<&str>, spot: Spot) {
        let is_duration = field.text("type").is_some_and(|kind| kind.starts_with("duration"));
        if is_duration && (field.kind == FieldKind::Group || field.entry("sql_start").is_some()) {
            self.put(&format!("looker_{}(", timeframe.unwrap_or("duration")));
            self.add_entry_of(at, field, "sql_start", spot);
            self.put(", ");
            self.add_entry_of(at, field, "sql_end", spot);
            return self.put(")");
        }
        let function = match timeframe {
            None | Some("raw") => None,
            Some("date") => Some("DATE".to_owned()),
            Some(timeframe) => Some(format!("looker_{timeframe}")),
        };
        if let Some(function) = &function {
            self.put(&format!("{function}("));
        }
        if field.entry("sql").is_some() {
            self.add_entry_of(at, field, "sql", spot);
        } else if let Some((file, case)) = field.entry("case") {
            self.add_case(case, Spot { view: at, file, line: case.line });
        } else if field.entry("sql_latitude").is_some() {
            self.put("(");
            self.add_entry_of(at, field, "sql_latitude", spot);
            self.put(", ");
            self.add_entry_of(at, field, "sql_longitude", spot);
            self.put(")");
        } else {
            let (file, line) = field.place();
            self.add_sql(&format!("${{TABLE}}.{}", quote(self.dialect, field.name)), Spot { view: at, file, line });
        }
        if function.is_some() {
            self.put(")");
        }
    }

    fn add_entry_of(&mut self, at: usize, field: &Field<'p, 't>, key: &str, spot: Spot) {
        match field.entry(key).and_then(|(file, entry)| Some((file, entry.text()?))) {
            Some((file, (text, line))) => self.add_sql(text, Spot { view: at, file, line }),
            None => self.add_sql("NULL", spot),
        }
    }

    /// `case: { when: { sql: … label: … } else: … }`.
    fn add_case(&mut self, case: &Entry<'t>, spot: Spot) {
        self.put("CASE");
        for when in case.entries().iter().filter(|entry| entry.key == "when") {
            let inner = |key: &str| when.entries().iter().find(|entry| entry.key == key).and_then(Entry::text);
            self.put(" WHEN ");
            if let Some((text, line)) = inner("sql") {
                self.add_sql(text, Spot { line, ..spot });
            }
            self.put(&format!(" THEN {}", literal(inner("label").map_or("", |(text, _)| text))));
        }
        self.put(" END");
    }

    /// Adds the table of a view, to be followed by an alias.
    pub(super) fn add_table(&mut self, at: usize) {
        let project = self.project;
        let Some(owner) = find_table_owner(project, at) else {
            let name = project.views[at].name;
            return self.put(&quote(self.dialect, name));
        };
        let view = &project.views[owner];
        match view.entry("sql_table_name").and_then(|(file, entry)| Some((file, entry.text()?))) {
            Some((file, (text, line))) => self.add_sql(text, Spot { view: at, file, line }),
            None => {
                let relation = derived_relation(view);
                let stand_in = self.stand_in(&format!("derived_{}", view.name), relation);
                self.put(&stand_in);
            }
        }
    }

    /// Adds FROM with the table of a view, which comes into scope; a view without a table is what
    /// an explore's join makes of another.
    pub(super) fn add_from(&mut self, at: usize) {
        let project = self.project;
        let view = &project.views[at];
        let alias = identifier(view.name);
        self.put("\nFROM ");
        let join = if find_table_owner(project, at).is_none() { project.find_join(view) } else { None };
        let Some((explore, sql)) = join else {
            self.add_table(at);
            return self.put(&format!(" AS {alias}"));
        };
        let of_explore = |key: &str| explore.entry.entries().iter().find(|entry| entry.key == key).and_then(Entry::text);
        let base = of_explore("from").or_else(|| of_explore("view_name")).map_or(explore.entry.name(), |(text, _)| text);
        let mut lead = "";
        if let Some(base) = project.find_view(base.trim_start_matches('+'), explore.file).filter(|base| *base != at) {
            lead = ", ";
            self.add_table(base);
            self.put(&format!(" AS {}", identifier(project.views[base].name)));
        }
        if let Some((text, line)) = sql.text() {
            let spot = Spot { view: at, file: explore.file, line };
            // What the join names has to stand before it.
            let before = self.sql.clone();
            self.add_sql(text, spot);
            self.sql = before;
            self.add_stand_ins(lead);
            self.put("\n");
            self.add_sql(text, spot);
        }
    }

    /// Brings into scope what [`Weave::add_from`] will read, so that fields can be put in before.
    pub(super) fn open_scope(&mut self, at: usize) {
        let project = self.project;
        let view = &project.views[at];
        self.scope.push((at, identifier(view.name)));
        if find_table_owner(project, at).is_none()
            && let Some((explore, _)) = project.find_join(view)
        {
            let of_explore = |key: &str| explore.entry.entries().iter().find(|entry| entry.key == key).and_then(Entry::text);
            let base = of_explore("from").or_else(|| of_explore("view_name")).map_or(explore.entry.name(), |(text, _)| text);
            let base = project.find_view(base.trim_start_matches('+'), explore.file).filter(|base| *base != at);
            self.scope.extend(base.map(|base| (base, identifier(project.views[base].name))));
        }
    }

    /// Adds the stand-ins that columns were taken of, behind the tables; each once.
    pub(super) fn add_stand_ins(&mut self, lead: &str) {
        let is_new = |name: &&String| !name.starts_with("derived_") && !self.placed.contains(*name);
        let named: Vec<String> = self.stand_ins.keys().filter(is_new).cloned().collect();
        if !named.is_empty() {
            self.put(&format!("{lead}{}", named.join(", ")));
            self.placed.extend(named);
        }
    }
}

/// The view itself or the nearest that it extends, which says what its table is.
pub(super) fn find_table_owner(project: &Project<'_, '_>, at: usize) -> Option<usize> {
    if project.views[at].has_table() {
        return Some(at);
    }
    project.parents(at).0.into_iter().find(|parent| project.views[*parent].has_table())
}

/// The asset of a view's derived table.
pub(super) fn derived_relation(view: &View<'_, '_>) -> RelationName {
    RelationName::outside(format!("looker://{}", view.project), format!("{}.derived_table", view.key))
}

/// The field `name` of a view: its own or an inherited one, or a timeframe of a group of dimensions.
pub(super) fn find_timed_field<'a, 'p, 't>(
    project: &'a Project<'p, 't>,
    at: usize,
    name: &str,
) -> Option<(usize, &'a Field<'p, 't>, Option<String>)> {
    if let Some((owner, field)) = project.find_field(at, name).filter(|(_, field)| field.kind != FieldKind::Group) {
        return Some((owner, field, None));
    }
    for (cut, _) in name.match_indices('_').collect::<Vec<_>>().into_iter().rev() {
        let (group, timeframe) = (&name[..cut], &name[cut + 1..]);
        if let Some((owner, field)) = project.find_field(at, group).filter(|(_, field)| field.kind == FieldKind::Group) {
            return Some((owner, field, Some(timeframe.to_owned())));
        }
    }
    // The interval of a duration stands in front.
    let (interval, group) = name.split_once('_')?;
    let (owner, field) = project.find_field(at, group).filter(|(_, field)| field.kind == FieldKind::Group)?;
    Some((owner, field, Some(interval.to_owned())))
}

/// The columns that a dimension is seen as: (name, timeframe).
pub(super) fn columns_of(field: &Field<'_, '_>) -> Vec<(String, Option<String>)> {
    if field.kind != FieldKind::Group {
        return vec![(field.name.to_owned(), None)];
    }
    let is_duration = field.text("type") == Some("duration");
    let key = if is_duration { "intervals" } else { "timeframes" };
    let mut frames: Vec<String> =
        field.entry(key).map(|(_, entry)| entry.items().iter().map(|item| item.text.to_string()).collect()).unwrap_or_default();
    if frames.is_empty() {
        // Looker's own default.
        let usual: &[&str] = if is_duration { &["day"] } else { &["raw", "time", "date", "week", "month", "quarter", "year"] };
        frames = usual.iter().map(|frame| (*frame).to_owned()).collect();
    }
    let name = |frame: &String| if is_duration { format!("{frame}s_{}", field.name) } else { format!("{}_{frame}", field.name) };
    frames.iter().map(|frame| (name(frame), Some(frame.clone()))).collect()
}

fn first_allowed<'p>(field: &Field<'p, '_>) -> Option<&'p str> {
    let (_, entry) = field.entry("allowed_value")?;
    entry.entries().iter().find(|inner| inner.key == "value").and_then(Entry::text).map(|(text, _)| text)
}
