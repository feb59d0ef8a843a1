//! `/assets/…/edit/{field}`: stating one thing of an asset or of one of its columns (`?column=`).

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};

use crate::{
    catalog::{AssetAnswer, AssetRef, CatalogError, Edit, FieldChange, Overtaken},
    model::{OwnerKind, StatedField, StatedValue, Tier},
    web::{
        Site,
        error::PageError,
        extract::{Chrome, Query, Visit},
        fields::{read_change, say_field},
        filters, urls,
    },
};

/// Empty lines that a form has for further owners.
const SPARE_OWNERS: usize = 2;

#[derive(Template)]
#[template(path = "pages/edit.html", blocks = ["form"])]
struct EditPage {
    chrome: Chrome,
    asset: AssetRef,
    form: FieldForm,
    error: Option<String>,
    overtaken: Option<Overtaken>,
}

/// The inputs of one field, filled.
pub(crate) struct FieldForm {
    pub(crate) field: StatedField,
    pub(crate) column: String,
    /// The address that the form is sent to.
    pub(crate) action: String,
    /// The page that it leads back to.
    pub(crate) back: String,
    /// The number of the newest statement that the form shows.
    pub(crate) seen: i64,
    /// What the inputs show.
    pub(crate) value: StatedValue,
    /// Whether people state something of the field now.
    pub(crate) is_stated: bool,
    /// Whether the asset has something there now, by people or by files.
    pub(crate) is_filled: bool,
}

impl FieldForm {
    /// The field in words, as a title.
    pub(crate) fn title(&self) -> &'static str {
        say_field(self.field)
    }

    /// Owners, then empty lines for more.
    pub(crate) fn owner_lines(&self) -> Vec<(String, OwnerKind)> {
        let StatedValue::Owners(owners) = &self.value else { return Vec::new() };
        let mut lines: Vec<(String, OwnerKind)> = owners.iter().map(|owner| (owner.name.clone(), owner.kind)).collect();
        lines.extend(std::iter::repeat_n((String::new(), OwnerKind::Technical), SPARE_OWNERS));
        lines
    }

    /// The text of the input called `name`.
    pub(crate) fn text(&self, name: &str) -> String {
        match (&self.value, name) {
            (StatedValue::Description(text), "text") => text.clone(),
            (StatedValue::Tags(tags), "tags") => tags.join(", "),
            (StatedValue::Deprecation(Some(value)), "note") => value.note.clone(),
            (StatedValue::Deprecation(Some(value)), "date") => value.date.clone().unwrap_or_default(),
            (StatedValue::Deprecation(Some(value)), "replacement") => value.replacement.clone().unwrap_or_default(),
            (StatedValue::Deprecation(Some(value)), "columns") => {
                value.columns.iter().map(|(old, new)| format!("{old} = {new}\n")).collect()
            }
            (StatedValue::Certification(Some(value)), "note") => value.note.clone(),
            (StatedValue::Wrong(Some(value)), "since") => value.since.clone(),
            (StatedValue::Wrong(Some(value)), "because") => value.because.clone(),
            _ => String::new(),
        }
    }

    /// Whether the tier is the chosen one.
    pub(crate) fn is_tier(&self, tier: &Tier) -> bool {
        self.value == StatedValue::Tier(Some(*tier))
    }
}

/// Shows the form of one field: a page, or the form alone.
pub(crate) async fn show_form(
    Path((namespace, name, field)): Path<(String, String, String)>,
    visit: Visit,
) -> Result<Response, PageError> {
    let field = named_field(&field)?;
    let column = visit.query.get("column").unwrap_or("").to_owned();
    let answer = visit.view.show_asset(&namespace, &name).await?;
    check_may_state(&visit, &answer)?;
    let form = fill_form(&answer, field, &column)?;
    let target = format!("edit-{}", field.word());
    let page = EditPage { chrome: visit.chrome.clone(), asset: answer.asset, form, error: None, overtaken: None };
    if visit.wants(&target) { visit.answer(&page.as_form()) } else { visit.answer(&page) }
}

/// Keeps what the form says; where somebody else was faster or a value does not fit, the form comes
/// back with the reason and what was typed.
pub(crate) async fn save_field(
    State(site): State<Site>,
    Path((namespace, name, field)): Path<(String, String, String)>,
    visit: Visit,
    body: String,
) -> Result<Response, PageError> {
    let field = named_field(&field)?;
    let pairs = Query::parse(&body);
    let column = pairs.get("column").unwrap_or("").to_owned();
    let answer = visit.view.show_asset(&namespace, &name).await?;
    let mut form = fill_form(&answer, field, &column)?;
    let seen = pairs.get("seen").and_then(|seen| seen.parse().ok()).unwrap_or(form.seen);
    let change = match read_change(field, &pairs) {
        Ok(change) => change,
        Err(reason) => return refuse(&visit, answer.asset, form, Refusal::Unfit(reason)),
    };
    if let FieldChange::Set(value) = &change {
        form.value = value.clone();
    }
    let edit = Edit { namespace, name, column, change, seen: Some(seen) };
    match site.catalog.state(visit.actor()?, vec![edit]).await {
        Ok(_) => Ok(Redirect::to(&form.back).into_response()),
        Err(CatalogError::BadQuestion(reason)) => refuse(&visit, answer.asset, form, Refusal::Unfit(reason)),
        Err(CatalogError::Overtaken(overtaken)) => match overtaken.into_iter().next() {
            Some(overtaken) => {
                form.seen = overtaken.number;
                refuse(&visit, answer.asset, form, Refusal::Overtaken(overtaken))
            }
            None => Err(PageError::Conflict("Somebody was faster.".to_owned())),
        },
        Err(other) => Err(other.into()),
    }
}

enum Refusal {
    Unfit(String),
    Overtaken(Overtaken),
}

fn refuse(visit: &Visit, asset: AssetRef, form: FieldForm, why: Refusal) -> Result<Response, PageError> {
    let (status, error, overtaken) = match why {
        Refusal::Unfit(reason) => (StatusCode::UNPROCESSABLE_ENTITY, Some(reason), None),
        Refusal::Overtaken(overtaken) => (StatusCode::CONFLICT, None, Some(overtaken)),
    };
    let mut response = visit.answer(&EditPage { chrome: visit.chrome.clone(), asset, form, error, overtaken })?;
    *response.status_mut() = status;
    Ok(response)
}

fn named_field(word: &str) -> Result<StatedField, PageError> {
    StatedField::from_word(word).ok_or_else(|| PageError::NotFound("page".to_owned()))
}

fn check_may_state(visit: &Visit, answer: &AssetAnswer) -> Result<(), PageError> {
    match visit.may_state(&answer.asset) {
        true => Ok(()),
        false => Err(PageError::Forbidden(format!("{} may be changed by its owners and by editors.", answer.asset.name))),
    }
}

/// The form of a field, filled with what holds now.
fn fill_form(answer: &AssetAnswer, field: StatedField, column: &str) -> Result<FieldForm, PageError> {
    if !column.is_empty() && !field.is_for_columns() {
        return Err(PageError::NotFound("page".to_owned()));
    }
    let asset_url = urls::asset(&answer.asset);
    let (column, back) = match column {
        "" => (String::new(), format!("{asset_url}#field-{}", field.word())),
        column => {
            let known = answer.columns.iter().find(|known| known.name.eq_ignore_ascii_case(column));
            let name = known.map(|known| known.name.clone()).ok_or_else(|| PageError::NotFound(column.to_owned()))?;
            let back = urls::column(&answer.asset, &name);
            (name, back)
        }
    };
    let statement = answer.governed.statement(&column, field);
    let value = answer.value_now(&column, field);
    Ok(FieldForm {
        field,
        action: format!("{asset_url}/edit/{}", field.word()),
        back,
        seen: statement.map_or(0, |statement| statement.number),
        // A file of governance is no statement that could be withdrawn here.
        is_stated: statement.is_some_and(|statement| statement.by.is_some() && statement.number > 0),
        is_filled: !value.is_empty(),
        value,
        column,
    })
}
