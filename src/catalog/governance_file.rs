//! Everything that people state, as one YAML file, and back.
//!
//! In: statements, or a file. Out: a file whose import states the same, or statements. A file that
//! cannot be read whole, or that differs from what is stated unasked, changes nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_saphyr::Spanned;

use super::{Catalog, CatalogError, Result, StatedBy, View, state::now};
use crate::{
    model::{Actor, Role, Scope, StatedField, StatedValue},
    store::{NewStatement, PersonStatement},
};

/// The version of the format.
const VERSION: u64 = 1;
/// Largest file that is read, in bytes.
const LARGEST_FILE: usize = 16 << 20;
/// Most reasons that are given why a file cannot be read.
const MOST_REASONS: usize = 100;

/// What is done where a file says something else than what people state already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// Nothing is changed at all; the differences are told.
    #[default]
    Refuse,
    /// What is stated stays; the rest of the file is taken over.
    Keep,
    /// The file is taken over whole.
    Overwrite,
    /// Nothing is changed in any case; the answer says what would be.
    Tell,
}

impl OnConflict {
    /// The way that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "refuse" => Some(OnConflict::Refuse),
            "keep" => Some(OnConflict::Keep),
            "overwrite" => Some(OnConflict::Overwrite),
            "tell" => Some(OnConflict::Tell),
            _ => None,
        }
    }
}

/// What came of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ImportAnswer {
    /// Whether the catalog was changed.
    pub applied: bool,
    /// Fields of which nothing was stated.
    pub added: u64,
    /// Fields that said something else and were overwritten.
    pub overwritten: u64,
    /// Fields that said so already.
    pub unchanged: u64,
    /// Fields that say something else, in the order of the file.
    pub conflicts: Vec<ImportConflict>,
    /// (1-based line, name) of assets that the newest crawl does not hold; what the file says of them is
    /// kept for when one does.
    pub unknown: Vec<(u64, String)>,
}

/// A field of which the file and the catalog say different things.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ImportConflict {
    /// The 1-based line of the file.
    pub line: u64,
    /// The asset.
    pub asset: String,
    /// The column; "" for the asset itself.
    pub column: String,
    /// Which field.
    pub field: StatedField,
    /// What the file says, in a line.
    pub file: String,
    /// What is stated, in a line.
    pub stated: String,
    /// Who stated it.
    pub by: StatedBy,
}

#[derive(Serialize)]
struct WrittenFile {
    version: u64,
    assets: Vec<WrittenAsset>,
}

#[derive(Default, Serialize)]
struct WrittenAsset {
    namespace: String,
    name: String,
    #[serde(flatten)]
    fields: BTreeMap<&'static str, Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    columns: BTreeMap<String, BTreeMap<&'static str, Value>>,
}

type ReadFields = BTreeMap<String, Spanned<Value>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadFile {
    version: Spanned<u64>,
    #[serde(default)]
    assets: Vec<Spanned<ReadFields>>,
}

/// A 1-based line, 0 for the whole file, and what is wrong there.
pub type Complaint = (u64, String);

impl View {
    /// Everything that people state, as YAML, sorted: the same statements give the same bytes.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn export_governance(&self) -> Result<String> {
        let mut assets: Vec<WrittenAsset> = Vec::new();
        for (namespace, key) in self.stated.subjects() {
            let Some(stated) = self.stated.of(namespace, key) else { continue };
            let named = self.asset_with_key(namespace, key);
            let mut asset = WrittenAsset {
                namespace: namespace.to_owned(),
                name: named.map_or_else(|| key.to_owned(), |asset| asset.name.to_string()),
                ..WrittenAsset::default()
            };
            for (column, in_force) in stated.fields_of_people() {
                let value = in_force.value.to_json().unwrap_or(Value::Null);
                let fields = match column {
                    "" => &mut asset.fields,
                    column => asset.columns.entry(column.to_owned()).or_default(),
                };
                fields.insert(in_force.value.field().word(), value);
            }
            if !asset.fields.is_empty() || !asset.columns.is_empty() {
                assets.push(asset);
            }
        }
        let written = WrittenFile { version: VERSION, assets };
        serde_saphyr::to_string(&written).map_err(|cause| CatalogError::broken("writing governance as YAML", cause))
    }
}

/// What a file says of one field.
pub struct GovernedField {
    /// The 1-based line.
    pub line: u64,
    /// The asset's namespace.
    pub namespace: String,
    /// The asset's name.
    pub name: String,
    /// The column; "" for the asset itself.
    pub column: String,
    /// What is stated.
    pub value: StatedValue,
}

/// What a file of [`View::export_governance`] says, field by field.
///
/// # Errors
/// Every reason why it cannot be read: (1-based line, 0 for the whole file; what is wrong there).
pub fn parse_governance(text: &str) -> std::result::Result<Vec<GovernedField>, Vec<Complaint>> {
    if text.len() > LARGEST_FILE {
        return Err(vec![(0, format!("it is larger than {} MiB", LARGEST_FILE >> 20))]);
    }
    let file: ReadFile = serde_saphyr::from_str(text).map_err(|cause| vec![explain(&cause)])?;
    if file.version.value != VERSION {
        let said = format!("version {} is not known here; this is version {VERSION}", file.version.value);
        return Err(vec![(file.version.referenced.line(), said)]);
    }
    let mut reading = Reading { fields: Vec::new(), reasons: Vec::new() };
    for asset in file.assets {
        reading.read_asset(asset);
    }
    match reading.reasons.is_empty() {
        true => Ok(reading.fields),
        false => {
            reading.reasons.truncate(MOST_REASONS);
            Err(reading.reasons)
        }
    }
}

impl Catalog {
    /// States what a file of [`View::export_governance`] says, as `actor`.
    ///
    /// # Errors
    /// [`CatalogError::BadFile`] with every line that does not fit; nothing is changed then.
    pub async fn import_governance(&self, actor: &Actor, text: &str, on_conflict: OnConflict) -> Result<ImportAnswer> {
        if !actor.may(Role::Editor, Scope::Write) {
            return Err(CatalogError::Forbidden("Importing is for editors.".to_owned()));
        }
        let view = self.view();
        let fields = parse_governance(text).map_err(unreadable)?;
        let mut answer = ImportAnswer::default();
        let mut new: Vec<NewStatement> = Vec::new();
        for field in fields {
            let found = view.find(&field.namespace, &field.name);
            if found.is_none() && answer.unknown.last().is_none_or(|(_, name)| *name != field.name) {
                answer.unknown.push((field.line, field.name.clone()));
            }
            let key = found.map_or_else(|| field.name.clone(), |found| found.key.to_string());
            let stated = view.stated.of(&field.namespace, &key);
            let of = field.value.field();
            match stated.and_then(|stated| stated.get_of_people(&field.column, of)) {
                Some(in_force) if in_force.value == field.value => {
                    answer.unchanged += 1;
                    continue;
                }
                Some(in_force) => {
                    answer.conflicts.push(ImportConflict {
                        line: field.line,
                        asset: field.name.clone(),
                        column: field.column.clone(),
                        field: of,
                        file: field.value.in_a_line(),
                        stated: in_force.value.in_a_line(),
                        by: in_force.by.clone(),
                    });
                    if on_conflict == OnConflict::Keep {
                        continue;
                    }
                    answer.overwritten += 1;
                }
                None => answer.added += 1,
            }
            let seen = stated.map_or(0, |stated| stated.newest(&field.column, of));
            new.push(NewStatement { statement: statement_of(actor, field, key), seen: Some(seen) });
        }
        let is_refused = on_conflict == OnConflict::Refuse && !answer.conflicts.is_empty();
        if is_refused || on_conflict == OnConflict::Tell {
            return Ok(answer);
        }
        self.append(&new).await?;
        answer.applied = true;
        Ok(answer)
    }
}

struct Reading {
    fields: Vec<GovernedField>,
    reasons: Vec<Complaint>,
}

impl Reading {
    fn read_asset(&mut self, asset: Spanned<ReadFields>) {
        let line = asset.referenced.line();
        let mut fields = asset.value;
        let mut word = |key: &str| match fields.remove(key) {
            Some(Spanned { value: Value::String(text), .. }) if !text.is_empty() => Some(text),
            _ => None,
        };
        let (Some(namespace), Some(name)) = (word("namespace"), word("name")) else {
            self.reasons.push((line, "an asset needs a `namespace` and a `name`".to_owned()));
            return;
        };
        let subject = Subject { namespace, name };
        let columns = fields.remove("columns");
        self.read_fields(&subject, "", fields);
        if let Some(columns) = columns {
            self.read_columns(&subject, columns);
        }
    }

    fn read_columns(&mut self, subject: &Subject, columns: Spanned<Value>) {
        let line = columns.referenced.line();
        let Value::Object(columns) = columns.value else {
            self.reasons.push((line, "`columns` holds a name and its fields a line".to_owned()));
            return;
        };
        for (column, fields) in columns {
            let Value::Object(fields) = fields else {
                self.reasons.push((line, format!("column `{column}` needs fields, like `description`")));
                continue;
            };
            let location = serde_saphyr::Location::UNKNOWN;
            let spanned = |(word, value)| (word, Spanned::new(value, location, location));
            let before = (self.fields.len(), self.reasons.len());
            self.read_fields(subject, &column, fields.into_iter().map(spanned).collect());
            // Inside of `columns` the parser tells no lines: that of `columns` leads there.
            self.fields.iter_mut().skip(before.0).for_each(|field| field.line = line);
            self.reasons.iter_mut().skip(before.1).for_each(|reason| reason.0 = line);
        }
    }

    fn read_fields(&mut self, subject: &Subject, column: &str, fields: ReadFields) {
        for (word, value) in fields {
            let line = value.referenced.line();
            let Some(field) = StatedField::from_word(&word) else {
                self.reasons.push((line, format!("`{word}` is nothing that can be stated")));
                continue;
            };
            if !column.is_empty() && !field.is_for_columns() {
                self.reasons.push((line, format!("{word} is stated of whole assets, not of columns")));
                continue;
            }
            match StatedValue::from_json(field, Some(value.value).filter(|value| !value.is_null())).and_then(StatedValue::checked)
            {
                Ok(value) => self.fields.push(GovernedField {
                    line,
                    namespace: subject.namespace.clone(),
                    name: subject.name.clone(),
                    column: column.to_owned(),
                    value,
                }),
                Err(reason) => self.reasons.push((line, reason)),
            }
        }
    }
}

struct Subject {
    namespace: String,
    name: String,
}

fn statement_of(actor: &Actor, field: GovernedField, key: String) -> PersonStatement {
    PersonStatement {
        id: 0,
        field: field.value.field().word().to_owned(),
        value: field.value.to_json(),
        namespace: field.namespace,
        key,
        column: field.column,
        withdraws: false,
        person: actor.name.clone(),
        at: now(),
        undoes: None,
        batch: None,
    }
}

fn explain(cause: &serde_saphyr::Error) -> (u64, String) {
    let line = cause.location().map_or(0, |location| location.line());
    let said = cause.without_snippet().to_string();
    (line, said.lines().next().unwrap_or("it is not YAML").to_owned())
}

fn unreadable(mut reasons: Vec<(u64, String)>) -> CatalogError {
    reasons.sort();
    CatalogError::BadFile(reasons)
}
