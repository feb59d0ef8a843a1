//! Tableau: workbooks and data sources, as they are or inside of their archives.
//!
//! In: `.twb` and `.tds` files. Out: of every data source a view over its tables, joins and custom SQL, of
//! every aggregating formula a metric, of every worksheet a chart over the fields that it uses, of every
//! dashboard a dashboard. Formulas are functions of what they name; what they compute is not looked at.

mod source;
mod xml;

use std::collections::BTreeMap;

use self::{
    source::{Field, Source, bare},
    xml::{Element, read_xml},
};
use crate::{
    model::{Diagnostic, DocumentRole, FactKind, INVALID_DEFINITION, RelationName, Span, UNKNOWN_DEFINITION},
    sources::{
        compose::Composer,
        dashboards::{Tile, define_dashboard, identifier, quote},
        definitions::{Definition, DefinitionFile, Definitions, Setting},
    },
};

/// Whether a text looks like a workbook or a data source.
pub(in crate::sources) fn holds(text: &str) -> bool {
    text.contains("<workbook") || text.contains("<datasource")
}

/// Reads every workbook and data source of `files`.
pub(in crate::sources) fn read_workbooks(files: &[DefinitionFile], setting: &Setting<'_>) -> Definitions {
    let mut definitions = Definitions::default();
    let mut roots: Vec<(&DefinitionFile, Element)> = Vec::new();
    for file in files {
        match read_xml(&file.text, setting.limits) {
            Ok(root) => roots.push((file, root)),
            Err((line, message)) => {
                let message = format!("the file cannot be read: {message}");
                definitions.note(&file.path, line, Diagnostic::new(&INVALID_DEFINITION, message, Span::default()));
            }
        }
    }
    let own = |file: &DefinitionFile| {
        let name = file.path.rsplit('/').next().unwrap_or(&file.path);
        name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned()
    };
    let mut published = BTreeMap::new();
    for (file, root) in roots.iter().filter(|(_, root)| root.name == "datasource") {
        let named = Workbook { path: &file.path, name: own(file), setting, published: &BTreeMap::new() };
        if let Some(source) = Source::new(&named, root) {
            published.insert(named.name.clone(), source.target);
        }
    }
    for (file, root) in &roots {
        Workbook { path: &file.path, name: own(file), setting, published: &published }.define(root, &mut definitions);
    }
    definitions
}

/// A file.
struct Workbook<'a> {
    path: &'a str,
    /// The name of the file without its ending.
    name: String,
    setting: &'a Setting<'a>,
    /// Data sources that were saved by themselves, by the name of their file.
    published: &'a BTreeMap<String, RelationName>,
}

impl<'a> Workbook<'a> {
    fn asset(&self, key: &str) -> RelationName {
        RelationName::outside(self.setting.namespace("tableau"), format!("{}/{key}", self.name))
    }

    /// The data source that one only points to, where a file holds it.
    fn published(&self, source: &Source<'_>) -> Option<RelationName> {
        let connection =
            source.node.child("connection").filter(|connection| connection.attribute("class") == Some("sqlproxy"))?;
        let named = [connection.attribute("dbname"), source.node.attribute("caption")];
        named.into_iter().flatten().find_map(|name| self.published.get(name).cloned())
    }

    fn define(&self, root: &'a Element, definitions: &mut Definitions) {
        let nodes: Vec<&Element> = match root.name.as_str() {
            "datasource" => vec![root],
            _ => root.child("datasources").map(|all| all.children("datasource").collect()).unwrap_or_default(),
        };
        let sources: BTreeMap<&str, Source<'a>> =
            nodes.into_iter().filter_map(|node| Source::new(self, node)).map(|source| (source.name, source)).collect();
        for source in sources.values() {
            source.define(self, definitions);
        }
        let mut sheets: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for sheet in root.child("worksheets").map(|all| all.children("worksheet").collect::<Vec<_>>()).unwrap_or_default() {
            if let Some(name) = sheet.attribute("name") {
                sheets.insert(name, self.define_sheet(name, sheet, &sources, definitions));
            }
        }
        for dashboard in root.child("dashboards").map(|all| all.children("dashboard").collect::<Vec<_>>()).unwrap_or_default() {
            if let Some(name) = dashboard.attribute("name") {
                self.define_dashboard(name, dashboard, &sheets, definitions);
            }
        }
    }

    /// Defines a worksheet over the fields that it uses; its columns come back.
    fn define_sheet(
        &self,
        name: &str,
        sheet: &Element,
        sources: &BTreeMap<&str, Source<'a>>,
        definitions: &mut Definitions,
    ) -> Vec<String> {
        let mut columns: Vec<String> = Vec::new();
        let mut stand_ins: BTreeMap<String, RelationName> = BTreeMap::new();
        let mut connection = self.setting.connect("", None);
        let mut sql = Composer::default();
        for used in sheet.inside("datasource-dependencies") {
            let Some(source) = used.attribute("datasource").and_then(|name| sources.get(name)) else { continue };
            connection = source.connection.clone();
            let rows = identifier(&format!("source_{}", source.title));
            for instance in used.children("column-instance") {
                let Some(field) = instance.attribute("column").map(bare) else { continue };
                let Some((caption, _, what)) = source.fields.get(&field) else {
                    // Names of measures, numbers of rows and the like are Tableau's own.
                    if !field.starts_with(':') && !field.starts_with("Number of Records") && !field.starts_with("__tableau") {
                        let message = format!("the worksheet `{name}` shows the field `{field}`, which its data source has not");
                        let diagnostic = Diagnostic::new(&UNKNOWN_DEFINITION, message, Span::default());
                        definitions.note(self.path, instance.line, diagnostic);
                    }
                    continue;
                };
                let own = quote(connection.dialect, caption);
                let (shown, column) = match what {
                    Field::Metric(_) => {
                        let metric = identifier(&format!("metric_{caption}"));
                        stand_ins.insert(metric.clone(), source.metric(self, caption));
                        (caption.clone(), format!("(SELECT {metric}.{own} FROM {metric})"))
                    }
                    Field::Column(_) | Field::Row(_) => {
                        stand_ins.insert(rows.clone(), source.target.clone());
                        derived(instance.attribute("derivation").unwrap_or("None"), caption, &format!("{rows}.{own}"))
                    }
                };
                if columns.iter().all(|known| !known.eq_ignore_ascii_case(&shown)) {
                    let lead = if columns.is_empty() { "SELECT\n  " } else { ",\n  " };
                    sql.put(&format!("{lead}{column} AS {}", quote(connection.dialect, &shown)), instance.line);
                    columns.push(shown);
                }
            }
        }
        let from: Vec<&str> = stand_ins.keys().map(String::as_str).filter(|name| name.starts_with("source_")).collect();
        if !from.is_empty() && !sql.is_empty() {
            sql.put(&format!("\nFROM {}", from.join(", ")), sheet.line);
        }
        let target = self.asset(&format!("sheet/{name}"));
        definitions.say(&target, FactKind::FriendlyName { name: name.to_owned() }, self.path, sheet.line);
        definitions.say(&target, FactKind::Folder { path: self.name.clone() }, self.path, sheet.line);
        let part = format!("sheet.{name}");
        let definition = Definition {
            path: self.path,
            part: &part,
            role: DocumentRole::Chart,
            target,
            name: Some(format!("{}.{}", self.name.replace('.', " "), name.replace('.', " "))),
            sql,
            stand_ins: stand_ins.into_iter().collect(),
        };
        definitions.define_in(definition, &connection);
        columns
    }

    fn define_dashboard(
        &self,
        name: &str,
        dashboard: &Element,
        sheets: &BTreeMap<&str, Vec<String>>,
        definitions: &mut Definitions,
    ) {
        let mut tiles: Vec<Tile> = Vec::new();
        for zone in dashboard.inside("zone") {
            let Some((title, columns)) = zone.attribute("name").and_then(|name| sheets.get_key_value(name)) else { continue };
            let chart = self.asset(&format!("sheet/{title}"));
            if tiles.iter().all(|tile| tile.chart != chart) {
                tiles.push(Tile { title: (*title).to_owned(), line: zone.line, chart, columns: columns.clone() });
            }
        }
        let target = self.asset(&format!("dashboard/{name}"));
        definitions.say(&target, FactKind::FriendlyName { name: name.to_owned() }, self.path, dashboard.line);
        definitions.say(&target, FactKind::Folder { path: self.name.clone() }, self.path, dashboard.line);
        let part = format!("dashboard.{name}");
        let shown = format!("{}.{}", self.name.replace('.', " "), name.replace('.', " "));
        define_dashboard((self.path, &part, dashboard.line), target, Some(shown), &tiles, &[], self.setting, definitions);
    }
}

/// What a worksheet makes of a field: what it is called there, and its SQL.
fn derived(derivation: &str, caption: &str, column: &str) -> (String, String) {
    match derivation {
        "None" | "User" => (caption.to_owned(), column.to_owned()),
        "Sum" | "Avg" | "Min" | "Max" | "Count" | "Median" | "Stdev" | "Var" => {
            (format!("{derivation}({caption})"), format!("{}({column})", derivation.to_uppercase()))
        }
        "CountD" => (format!("CountD({caption})"), format!("COUNT(DISTINCT {column})")),
        other => (format!("{other}({caption})"), format!("tableau_{}({column})", identifier(other).to_lowercase())),
    }
}
