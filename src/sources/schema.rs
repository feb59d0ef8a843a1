//! `schema.yaml` in the style of bigquery-etl: declared columns, nested fields as dotted paths.
//!
//! Its tags take fields from other files, as the format's reference page says (docs/reference/
//! schema_includes.md of bigquery-etl): `!include-field`, `!include-fields`,
//! `!include-field-description`, `!include`, `!flatten-lists`.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::yaml::{Node, Value};
use crate::model::DeclaredColumn;

/// Deepest chain of files that include each other.
const MAX_INCLUDE_DEPTH: usize = 8;
/// Most fields of one schema, and most that its includes may build on the way.
const MAX_FIELDS: usize = 200_000;

/// Gives the files that a schema includes.
pub(super) trait Library {
    /// The YAML file at `path` inside the source; `None` where there is none that can be read.
    fn open(&self, path: &str) -> Option<Arc<Node>>;
    /// The path of the schema of a table, written `project.dataset.table`.
    fn schema_path(&self, table: &str) -> String;
}

/// What a schema file declares.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Schema {
    /// Columns in order, nested fields after their parent; `None` where the list cannot be known whole.
    pub(super) columns: Option<Vec<DeclaredColumn>>,
    /// The 1-based line of `fields`.
    pub(super) line: u32,
    /// The files it asked for, by path, whether they are there or not.
    pub(super) included: BTreeSet<String>,
    /// Includes that lead to nothing in the source: line and what was wanted.
    pub(super) missing: Vec<(u32, String)>,
}

/// Reads the schema in `root`, taking includes from `library`.
pub(super) fn read_schema(root: &Node, library: &dyn Library) -> Schema {
    let resolver =
        Resolver { library, depth: Cell::new(0), built: Cell::new(0), included: RefCell::default(), missing: RefCell::default() };
    let (line, fields) = match root.entry("fields") {
        Some((line, value)) => (line, resolver.fields(value)),
        None if root.tag.is_some() || matches!(root.value, Value::List(_)) => (root.line, resolver.fields(root)),
        None => return Schema { columns: Some(Vec::new()), ..Schema::default() },
    };
    let mut columns = Vec::new();
    let whole = fields.is_some_and(|fields| flatten(&fields, "", &mut columns));
    Schema {
        columns: whole.then_some(columns),
        line,
        included: resolver.included.into_inner().into_keys().collect(),
        missing: resolver.missing.into_inner(),
    }
}

/// A field of a schema.
#[derive(Clone, Debug, Default)]
struct Field {
    name: String,
    data_type: String,
    repeated: bool,
    description: Option<String>,
    fields: Arc<Vec<Field>>,
}

/// Appends `fields` below `parent`, each parent before its children; false where there are too many.
fn flatten(fields: &[Field], parent: &str, columns: &mut Vec<DeclaredColumn>) -> bool {
    for field in fields {
        let name = if parent.is_empty() { field.name.clone() } else { format!("{parent}.{}", field.name) };
        let data_type = if field.repeated && !field.data_type.to_ascii_uppercase().starts_with("ARRAY") {
            format!("ARRAY<{}>", field.data_type)
        } else {
            field.data_type.clone()
        };
        if columns.len() >= MAX_FIELDS {
            return false;
        }
        let at = columns.len();
        columns.push(DeclaredColumn { name, data_type, description: field.description.clone() });
        if !field.fields.is_empty() {
            let name = columns[at].name.clone();
            if !flatten(&field.fields, &name, columns) {
                return false;
            }
        }
    }
    true
}

struct Resolver<'a> {
    library: &'a dyn Library,
    depth: Cell<usize>,
    built: Cell<usize>,
    /// The fields of each file it asked for; `None` where there are none that can be known.
    included: RefCell<BTreeMap<String, Option<Arc<Vec<Field>>>>>,
    missing: RefCell<Vec<(u32, String)>>,
}

impl Resolver<'_> {
    /// The fields of a list; `None` where an include hides how many there are.
    fn fields(&self, node: &Node) -> Option<Vec<Field>> {
        match node.tag.as_deref() {
            Some("include-fields") => return self.include_fields(node),
            Some("include") => return self.include_whole(node),
            _ => {}
        }
        let flat = node.tag.as_deref() == Some("flatten-lists");
        let mut fields = Vec::new();
        for item in node.items() {
            match (item.tag.as_deref(), &item.value) {
                (Some("include-fields" | "include"), _) => fields.append(&mut self.fields(item)?),
                (_, Value::List(_)) if flat => fields.append(&mut self.fields(item)?),
                _ => fields.extend(self.field(item)),
            }
            self.built.set(self.built.get() + 1);
            if self.built.get() > MAX_FIELDS {
                return None;
            }
        }
        Some(fields)
    }

    /// One field; `None` where it is none (a null, a nameless mapping).
    fn field(&self, node: &Node) -> Option<Field> {
        if node.tag.as_deref() == Some("include-field") {
            return self.include_field(node);
        }
        let text = |key: &str| node.get(key).and_then(Node::text).map(str::trim);
        let name = text("name").filter(|name| !name.is_empty())?;
        let fields = node.get("fields").and_then(|list| self.fields(list)).unwrap_or_default();
        Some(Field {
            name: name.to_owned(),
            data_type: text("type").unwrap_or_default().to_owned(),
            repeated: text("mode").is_some_and(|mode| mode.eq_ignore_ascii_case("repeated")),
            description: node.get("description").and_then(|value| self.description(value)),
            fields: Arc::new(fields),
        })
    }

    fn description(&self, node: &Node) -> Option<String> {
        if node.tag.as_deref() != Some("include-field-description") {
            return tidy(node.text()?);
        }
        let included = self.find_field(node).and_then(|field| field.description);
        extend_text(included, text_of(node, "prepend"), text_of(node, "append"))
    }

    fn include_field(&self, node: &Node) -> Option<Field> {
        let wanted = text_of(node, "field")?;
        // A field of a file that is not here still has its name.
        let last = wanted.rsplit('.').next().unwrap_or(wanted);
        let mut field = self.find_field(node).unwrap_or_else(|| Field { name: last.to_owned(), ..Field::default() });
        if let Some(name) = text_of(node, "new_name") {
            field.name = name.to_owned();
        }
        if let Some(data_type) = text_of(node, "new_type") {
            field.data_type = data_type.to_owned();
        }
        if let Some(mode) = text_of(node, "new_mode") {
            field.repeated = mode.eq_ignore_ascii_case("repeated");
        }
        if let Some(text) = node.get("new_description").and_then(|value| self.description(value)) {
            field.description = Some(text);
        }
        let prepend = node.get("prepend_description").and_then(|value| self.description(value));
        let append = node.get("append_description").and_then(|value| self.description(value));
        field.description = extend_text(field.description, prepend.as_deref(), append.as_deref());
        if let Some(fields) = node.get("new_fields").and_then(|list| self.fields(list)) {
            field.fields = Arc::new(fields);
        }
        let more = |key: &str| node.get(key).and_then(|list| self.fields(list)).unwrap_or_default();
        let (mut before, mut after) = (more("prepend_fields"), more("append_fields"));
        if !before.is_empty() || !after.is_empty() {
            before.extend(field.fields.iter().cloned());
            before.append(&mut after);
            field.fields = Arc::new(before);
        }
        Some(field)
    }

    fn include_fields(&self, node: &Node) -> Option<Vec<Field>> {
        let names = node.get("field_names").map(list_words);
        let fields = self.load(node).and_then(|fields| match text_of(node, "parent_field") {
            Some(parent) => find_path(&fields, parent).map(|field| field.fields.to_vec()),
            None => Some(fields.to_vec()),
        });
        let mut fields = match (fields, &names) {
            (Some(fields), None) => fields,
            (found, Some(names)) => {
                let found = found.unwrap_or_default();
                let pick = |name: &String| {
                    let known = found.iter().find(|field| field.name == *name).cloned();
                    known.unwrap_or_else(|| Field { name: name.clone(), ..Field::default() })
                };
                names.iter().map(pick).collect()
            }
            (None, None) => return None,
        };
        if let Some(excluded) = node.get("exclude_field_names").map(list_words) {
            fields.retain(|field| !excluded.contains(&field.name));
        }
        if let Some(replacements) = node.get("field_replacements").and_then(|list| self.fields(list)) {
            for field in &mut fields {
                if let Some(replacement) = replacements.iter().find(|other| other.name == field.name) {
                    *field = replacement.clone();
                }
            }
        }
        self.built.set(self.built.get() + fields.len());
        (self.built.get() <= MAX_FIELDS).then_some(fields)
    }

    /// `!include` of a whole file; with a JMESPath expression its result is not known.
    fn include_whole(&self, node: &Node) -> Option<Vec<Field>> {
        if node.get("jmespath").is_some() {
            self.missing.borrow_mut().push((node.line, "a JMESPath selection".to_owned()));
            return None;
        }
        self.load(node).map(|fields| fields.to_vec())
    }

    fn find_field(&self, node: &Node) -> Option<Field> {
        find_path(&self.load(node)?, text_of(node, "field")?).cloned()
    }

    /// The fields of the file or table that an include names.
    fn load(&self, node: &Node) -> Option<Arc<Vec<Field>>> {
        let path = match (text_of(node, "file"), text_of(node, "table")) {
            (Some(file), _) => file.trim_start_matches('/').to_owned(),
            (None, Some(table)) => self.library.schema_path(table),
            (None, None) => String::new(),
        };
        let known = self.included.borrow().get(&path).cloned();
        let fields = match known {
            Some(fields) => fields,
            None => {
                // A file that includes itself finds nothing the second time.
                self.included.borrow_mut().insert(path.clone(), None);
                let fields = self.read_included(&path).map(Arc::new);
                self.included.borrow_mut().insert(path.clone(), fields.clone());
                fields
            }
        };
        if fields.is_none() {
            self.missing.borrow_mut().push((node.line, path));
        }
        fields
    }

    fn read_included(&self, path: &str) -> Option<Vec<Field>> {
        if self.depth.get() >= MAX_INCLUDE_DEPTH {
            return None;
        }
        let root = self.library.open(path)?;
        self.depth.set(self.depth.get() + 1);
        let fields = self.fields(root.get("fields").unwrap_or(&root));
        self.depth.set(self.depth.get() - 1);
        fields
    }
}

fn text_of<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.get(key).and_then(Node::text)
}

fn list_words(node: &Node) -> Vec<String> {
    node.items().iter().filter_map(|item| item.text()).map(str::to_owned).collect()
}

fn find_path<'f>(fields: &'f [Field], path: &str) -> Option<&'f Field> {
    let (first, rest) = match path.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    };
    let field = fields.iter().find(|field| field.name == first)?;
    match rest {
        Some(rest) => find_path(&field.fields, rest),
        None => Some(field),
    }
}

fn tidy(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn extend_text(text: Option<String>, prepend: Option<&str>, append: Option<&str>) -> Option<String> {
    let parts = [prepend, text.as_deref(), append].into_iter().flatten().map(str::trim).filter(|part| !part.is_empty());
    tidy(&parts.collect::<Vec<_>>().join("\n"))
}
