//! `/assets/…/impact`: all that depends on an asset or a column, whom to tell, and all of it as CSV.

use askama::Template;
use axum::{extract::Path, response::Response};

use super::{
    asset::AssetHead,
    column_pick::ColumnPick,
    facets::{ChosenFilter, FacetGroup, FacetValue, SHOWN_VALUES, ValueState, read_value, write_value},
};
use crate::{
    catalog::{Affected, ImpactAnswer, ImpactFacet, ImpactFilter, ImpactQuery, ImpactSeverity, iso_day},
    model::AssetRole,
    web::{
        csv,
        error::PageError,
        extract::{Chrome, Query, Visit},
        filters, urls,
    },
};

/// Rows of a page; the CSV has all.
const ROWS_AT_ONCE: usize = 200;

#[derive(Template)]
#[template(path = "pages/impact.html")]
struct ImpactPage<'a> {
    chrome: Chrome,
    head: &'a AssetHead,
    answer: &'a ImpactAnswer,
    column: Option<String>,
    shown: &'a [Affected],
    facets: Vec<FacetGroup>,
    chosen: Vec<ChosenFilter>,
    without_filters: String,
    /// The filters, for the form that sets the column.
    kept: Vec<(&'static str, String)>,
    csv_url: String,
    message: String,
    page: usize,
    pages: usize,
    previous: Option<String>,
    next: Option<String>,
}

impl ImpactPage<'_> {
    fn column_pick(&self) -> ColumnPick<'_> {
        ColumnPick::new(self.head.column_names(), self.column.as_deref())
    }

    /// How far away it is and who asks for it, where a log says so.
    fn distance_and_use(&self, row: &Affected) -> String {
        let steps = format!("{} away", filters::counted(u64::from(row.depth), "step"));
        let last = row.last_use.map(iso_day).map(|day| format!(", last asked for {day}")).unwrap_or_default();
        match row.people {
            None => steps,
            Some(0) if last.is_empty() => format!("{steps}, no person asks for it"),
            Some(0) => format!("{steps}{last}"),
            Some(people) => format!("{steps}, {} in 30 days{last}", filters::counted(u64::from(people), "person")),
        }
    }

    /// How many are affected how badly, the worst first.
    fn severities(&self) -> Vec<(&'static str, usize)> {
        let kinds = [
            (ImpactSeverity::Seen, "that people see"),
            (ImpactSeverity::Breaks, "would break"),
            (ImpactSeverity::Changes, "would change their values"),
        ];
        let count = |severity| self.answer.affected.iter().filter(|row| row.severity == severity).count();
        kinds.into_iter().map(|(severity, word)| (word, count(severity))).filter(|(_, number)| *number > 0).collect()
    }
}

/// Shows what depends on an asset or on one column of it.
pub(crate) async fn show_impact(Path((namespace, name)): Path<(String, String)>, visit: Visit) -> Result<Response, PageError> {
    let query = read_impact(&namespace, &name, &visit.query);
    let head = AssetHead::load(&visit, &namespace, &name, "impact").await?;
    let answer = visit.view.impact(&query).await?;
    let at = Addresses { page: format!("{}/impact", head.url), query: &query };
    let pages = answer.affected.len().div_ceil(ROWS_AT_ONCE).max(1);
    let page = (visit.query.number("page", 1, 1..=1_000_000)? as usize - 1).min(pages - 1);
    let rest = answer.affected.get(page * ROWS_AT_ONCE..).unwrap_or_default();
    let public = visit.public.as_ref().map(|public| format!("{}{}", public.as_str(), at.of(&query.filters, 0)));
    let page = ImpactPage {
        chrome: visit.chrome.clone(),
        facets: at.facets(&answer),
        chosen: at.chosen(),
        without_filters: at.of(&[], 0),
        kept: at.pairs(&query.filters).into_iter().filter(|(key, _)| *key != "column").collect(),
        csv_url: urls::with_query(&format!("{}/impact.csv", head.url), at.pairs(&query.filters)),
        message: message_to_owners(&answer, public),
        shown: rest.get(..ROWS_AT_ONCE).unwrap_or(rest),
        page,
        pages,
        previous: (page > 0).then(|| at.of(&query.filters, page - 1)),
        next: (page + 1 < pages).then(|| at.of(&query.filters, page + 1)),
        column: query.column.clone(),
        head: &head,
        answer: &answer,
    };
    visit.answer(&page)
}

/// Everything that depends on it and passes the filters, as CSV that is made while it is sent.
pub(crate) async fn download_impact(
    Path((namespace, name)): Path<(String, String)>,
    visit: Visit,
) -> Result<Response, PageError> {
    let (asset, rows) = visit.view.impact_rows(read_impact(&namespace, &name, &visit.query)).await?;
    let head = [
        "severity",
        "kind",
        "namespace",
        "asset",
        "columns",
        "how",
        "owners",
        "steps",
        "deprecated",
        "source",
        "environment",
        "people_30_days",
        "last_use",
    ];
    Ok(csv::attachment(&format!("impact-{}.csv", asset.name), &head, rows.map(csv_row)))
}

/// The question that an address holds.
pub(crate) fn read_impact(namespace: &str, name: &str, pairs: &Query) -> ImpactQuery {
    let filter = |(key, text): &(String, String)| {
        let (negated, value) = read_value(text);
        Some(ImpactFilter { facet: ImpactFacet::from_word(key)?, value: value.to_owned(), negated })
    };
    let mut filters: Vec<ImpactFilter> = pairs.0.iter().filter_map(filter).collect();
    filters.sort();
    filters.dedup();
    ImpactQuery {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        column: pairs.filled("column").map(str::to_owned),
        filters,
    }
}

/// Addresses of the page under other filters.
struct Addresses<'a> {
    page: String,
    query: &'a ImpactQuery,
}

impl Addresses<'_> {
    fn pairs(&self, filters: &[ImpactFilter]) -> Vec<(&'static str, String)> {
        let column = self.query.column.iter().map(|column| ("column", column.clone()));
        column.chain(filters.iter().map(|filter| (filter.facet.word(), write_value(filter.negated, &filter.value)))).collect()
    }

    fn of(&self, filters: &[ImpactFilter], page: usize) -> String {
        let mut pairs = self.pairs(filters);
        if page > 0 {
            pairs.push(("page", (page + 1).to_string()));
        }
        urls::with_query(&self.page, pairs)
    }

    /// The facets in which rows differ, or that are filtered by.
    fn facets(&self, answer: &ImpactAnswer) -> Vec<FacetGroup> {
        let is_offered = |(facet, values): &&(ImpactFacet, Vec<(String, u64)>)| {
            values.len() > 1 || self.query.filters.iter().any(|filter| filter.facet == *facet)
        };
        let group = |(facet, values): &(ImpactFacet, Vec<(String, u64)>)| FacetGroup {
            title: title(*facet),
            shown: SHOWN_VALUES,
            values: values.iter().map(|(value, number)| self.facet_value(*facet, value, *number)).collect(),
        };
        answer.facets.iter().filter(is_offered).map(group).collect()
    }

    fn facet_value(&self, facet: ImpactFacet, value: &str, number: u64) -> FacetValue {
        let is_this = |filter: &&ImpactFilter| filter.facet == facet && filter.value == value;
        let current = self.query.filters.iter().find(is_this);
        let others: Vec<ImpactFilter> = self.query.filters.iter().filter(|filter| !is_this(filter)).cloned().collect();
        let with = |negated: bool| {
            let mut filters = others.clone();
            filters.push(ImpactFilter { facet, value: value.to_owned(), negated });
            filters.sort();
            self.of(&filters, 0)
        };
        FacetValue {
            label: label(facet, value),
            number,
            state: match current {
                None => ValueState::Free,
                Some(filter) if filter.negated => ValueState::Excluded,
                Some(_) => ValueState::Chosen,
            },
            toggle: if current.is_some() { self.of(&others, 0) } else { with(false) },
            exclude: with(true),
        }
    }

    fn chosen(&self) -> Vec<ChosenFilter> {
        let without = |gone: &ImpactFilter| -> Vec<ImpactFilter> {
            self.query.filters.iter().filter(|one| *one != gone).cloned().collect()
        };
        let chosen = self.query.filters.iter().map(|filter| ChosenFilter {
            title: title(filter.facet),
            label: label(filter.facet, &filter.value),
            negated: filter.negated,
            removed: self.of(&without(filter), 0),
        });
        chosen.collect()
    }
}

fn title(facet: ImpactFacet) -> &'static str {
    match facet {
        ImpactFacet::Severity => "How bad",
        ImpactFacet::Kind => "Kind",
        ImpactFacet::Owner => "Owner",
        ImpactFacet::Source => "Source",
        ImpactFacet::Deprecated => "Deprecated",
        ImpactFacet::Used => "Used in 30 days",
        ImpactFacet::Environment => "Environment",
    }
}

fn label(facet: ImpactFacet, value: &str) -> String {
    match (facet, value) {
        (ImpactFacet::Owner, "") => "no owner".to_owned(),
        (ImpactFacet::Used, "") => "no log says".to_owned(),
        (_, "") => "not known".to_owned(),
        (ImpactFacet::Severity, "seen") => "people see it".to_owned(),
        (ImpactFacet::Severity, "changes") => "values change".to_owned(),
        (ImpactFacet::Kind, kind) => kind.replace('_', " "),
        (_, value) => value.to_owned(),
    }
}

fn csv_row(row: Affected) -> Vec<String> {
    vec![
        row.severity.word().to_owned(),
        row.asset.kind.word().to_owned(),
        row.asset.namespace,
        row.asset.name,
        row.columns.join(" "),
        row.kinds.join(" "),
        row.owners.join(" "),
        row.depth.to_string(),
        if row.asset.deprecated { "yes" } else { "no" }.to_owned(),
        row.source,
        row.asset.environment.unwrap_or_else(|| "prod".to_owned()),
        row.people.map(|people| people.to_string()).unwrap_or_default(),
        row.last_use.map(iso_day).unwrap_or_default(),
    ]
}

/// A text to send to those who own what depends on it.
fn message_to_owners(answer: &ImpactAnswer, link: Option<String>) -> String {
    const MOST: usize = 30;
    let what = match &answer.column {
        Some(column) => format!("{}.{column}", answer.asset.name),
        None => answer.asset.name.clone(),
    };
    let mut text = format!("We plan to change {what}. These of yours depend on it:\n");
    for row in answer.affected.iter().take(MOST) {
        let owners = if row.owners.is_empty() { "no owner".to_owned() } else { row.owners.join(", ") };
        text.push_str(&format!("- {} ({}; {owners})\n", row.asset.name, filters::kind_in_words(row.asset.kind)));
    }
    if answer.affected.len() > MOST {
        text.push_str(&format!("- and {} more\n", answer.affected.len() - MOST));
    }
    if let Some(link) = link {
        text.push_str(&format!("All of it: {link}\n"));
    }
    text
}
