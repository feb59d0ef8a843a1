//! How templates print values: counts, dates, names, links, icons.

#![expect(unreachable_pub, reason = "filter_fn declares a public field in what it generates")]

use askama::Values;

use super::{
    fields, icons,
    markup::{Markup, push_escaped},
    prose, sql_text, urls,
};
use crate::catalog::{
    AssetRef, ColumnRef, ConflictMember, Excerpt, HistoryEntry, Hit, ImpactSeverity, Neighbour, Place, Suggestion,
};
use crate::model::{AssetKind, ColumnEdgeKind, Severity, StatedField};

type Printed<T> = askama::Result<T>;

/// Numbers that templates count with.
pub(crate) trait Count {
    fn value(&self) -> u64;
}

macro_rules! counts {
    ($($number:ty),*) => { $(impl Count for $number { fn value(&self) -> u64 { u64::try_from(*self).unwrap_or(0) } })* };
}
counts!(u8, u32, u64, usize, i64);

impl<C: Count> Count for &C {
    fn value(&self) -> u64 {
        (**self).value()
    }
}

/// Times, in seconds since 1970 UTC.
pub(crate) trait Moment {
    fn seconds(&self) -> i64;
}

impl Moment for i64 {
    fn seconds(&self) -> i64 {
        *self
    }
}

impl<M: Moment> Moment for &M {
    fn seconds(&self) -> i64 {
        (**self).seconds()
    }
}

/// Texts, however they are held.
pub(crate) trait Words {
    fn words(&self) -> &str;
}

impl Words for str {
    fn words(&self) -> &str {
        self
    }
}

impl Words for String {
    fn words(&self) -> &str {
        self
    }
}

impl<W: Words + ?Sized> Words for &W {
    fn words(&self) -> &str {
        (**self).words()
    }
}

/// Assets and what belongs to one.
pub(crate) trait OfAsset {
    fn asset(&self) -> &AssetRef;
    fn column(&self) -> Option<&str>;
}

impl OfAsset for AssetRef {
    fn asset(&self) -> &AssetRef {
        self
    }
    fn column(&self) -> Option<&str> {
        None
    }
}

impl OfAsset for ColumnRef {
    fn asset(&self) -> &AssetRef {
        &self.asset
    }
    fn column(&self) -> Option<&str> {
        Some(&self.column)
    }
}

impl OfAsset for ConflictMember {
    fn asset(&self) -> &AssetRef {
        &self.asset
    }
    fn column(&self) -> Option<&str> {
        (!self.declared).then_some(self.column.as_str())
    }
}

impl<O: OfAsset> OfAsset for &O {
    fn asset(&self) -> &AssetRef {
        (**self).asset()
    }
    fn column(&self) -> Option<&str> {
        (**self).column()
    }
}

/// `12,345`.
#[askama::filter_fn]
pub(crate) fn count<N: Count>(number: N, _: &dyn Values) -> Printed<String> {
    Ok(grouped(number.value()))
}

/// `1 table`, `2 tables`.
#[askama::filter_fn]
pub(crate) fn of<N: Count>(number: N, _: &dyn Values, noun: &str) -> Printed<String> {
    Ok(counted(number.value(), noun))
}

/// What a form calls an asset.
#[askama::filter_fn]
pub(crate) fn form_name<O: OfAsset>(it: O, _: &dyn Values) -> Printed<String> {
    Ok(urls::form_name(it.asset()))
}

/// The page of what a statement is about.
#[askama::filter_fn]
pub(crate) fn statement_url(entry: &HistoryEntry, _: &dyn Values) -> Printed<String> {
    Ok(urls::named_asset(&entry.namespace, &entry.name))
}

/// A field that people state, in words.
#[askama::filter_fn]
pub(crate) fn field_title(field: &StatedField, _: &dyn Values) -> Printed<String> {
    Ok(fields::say_field(*field).to_owned())
}

/// The icon of that name.
#[askama::filter_fn]
pub(crate) fn icon<W: Words>(name: W, _: &dyn Values) -> Printed<Markup> {
    Ok(icons::icon(name.words()))
}

/// The icon of the asset's kind, with the kind in words for those who do not see it.
#[askama::filter_fn]
pub(crate) fn kind_icon<O: OfAsset>(asset: O, _: &dyn Values) -> Printed<Markup> {
    let name = if asset.column().is_some() { "column" } else { icons::of_kind(asset.asset().kind) };
    Ok(icons::icon(name))
}

/// `materialized view`.
#[askama::filter_fn]
pub(crate) fn kind_word<O: OfAsset>(asset: O, _: &dyn Values) -> Printed<String> {
    Ok(kind_in_words(asset.asset().kind))
}

/// The address of an asset's or a column's page.
#[askama::filter_fn]
pub(crate) fn url<O: OfAsset>(it: O, _: &dyn Values) -> Printed<String> {
    Ok(match it.column() {
        Some(column) => urls::column(it.asset(), column),
        None => urls::asset(it.asset()),
    })
}

/// A link that shows the whole name, of which the middle gives way where there is no room.
#[askama::filter_fn]
pub(crate) fn link<O: OfAsset>(it: O, _: &dyn Values) -> Printed<Markup> {
    Ok(linked(it.asset(), it.column()))
}

/// A name whose path gives way where there is no room, and whose last part stays.
#[askama::filter_fn]
pub(crate) fn whole_name<W: Words>(name: W, _: &dyn Values) -> Printed<Markup> {
    let (path, last) = split_path(name.words());
    let (head, tail) = split_tail(last);
    let mut html = String::from("<span class=\"nm\">");
    for (tag, text) in [("i", path), ("b", head), ("u", tail)] {
        html.push_str(&format!("<{tag}>"));
        push_escaped(&mut html, text);
        html.push_str(&format!("</{tag}>"));
    }
    html.push_str("</span>");
    Ok(Markup::trusted(html))
}

/// The last part of a name.
#[askama::filter_fn]
pub(crate) fn last_part<W: Words>(name: W, _: &dyn Values) -> Printed<String> {
    Ok(split_path(name.words()).1.to_owned())
}

/// A name in full that may be broken behind the marks between its words.
#[askama::filter_fn]
pub(crate) fn breaking<W: Words>(name: W, _: &dyn Values) -> Printed<Markup> {
    let mut html = String::new();
    for piece in name.words().split_inclusive(['.', '_', '/', '@', ':']) {
        push_escaped(&mut html, piece);
        html.push_str("<wbr>");
    }
    Ok(Markup::trusted(html))
}

/// SQL that was kept token by token, drawn together and in colours.
#[askama::filter_fn]
pub(crate) fn shape<W: Words>(text: W, _: &dyn Values) -> Printed<Markup> {
    Ok(sql_text::coloured(&sql_text::draw_together(text.words())))
}

/// A link that shows the last part alone.
#[askama::filter_fn]
pub(crate) fn short_link<O: OfAsset>(it: O, _: &dyn Values) -> Printed<Markup> {
    let asset = it.asset();
    let mut html = opened(asset, it.column());
    push_escaped(&mut html, asset.split_name().1);
    if let Some(column) = it.column() {
        html.push('.');
        push_escaped(&mut html, column);
    }
    html.push_str("</a>");
    Ok(Markup::trusted(html))
}

/// A link to the line of a file at its commit; plain text where no forge is known.
#[askama::filter_fn]
pub(crate) fn place(place: &Place, _: &dyn Values) -> Printed<Markup> {
    let mut html = String::new();
    let label = place.label();
    match place.permalink.as_deref().filter(|link| link.starts_with("https://") || link.starts_with("http://")) {
        Some(link) => {
            html.push_str("<a class=\"id\" rel=\"noreferrer\" href=\"");
            push_escaped(&mut html, link);
            html.push_str("\" title=\"");
            push_escaped(&mut html, &format!("{label} in {}", place.source));
            html.push_str("\">");
            push_escaped(&mut html, &middle(&label, 64));
            html.push_str("</a>");
        }
        None => {
            html.push_str("<span class=\"id\" title=\"");
            push_escaped(&mut html, &format!("{label} in {}", place.source));
            html.push_str("\">");
            push_escaped(&mut html, &middle(&label, 64));
            html.push_str("</span>");
        }
    }
    Ok(Markup::trusted(html))
}

/// `3 d ago`, with the date in a tooltip.
#[askama::filter_fn]
pub(crate) fn ago<M: Moment>(time: M, _: &dyn Values, now: &i64) -> Printed<Markup> {
    let stamp = jiff::Timestamp::from_second(time.seconds()).unwrap_or_default();
    let date = stamp.strftime("%Y-%m-%d %H:%M UTC");
    Ok(Markup::trusted(format!("<time datetime=\"{stamp}\" title=\"{date}\">{}</time>", elapsed(time.seconds(), *now))))
}

/// `2026-11-23`.
#[askama::filter_fn]
pub(crate) fn date<M: Moment>(time: M, _: &dyn Values) -> Printed<String> {
    Ok(jiff::Timestamp::from_second(time.seconds()).unwrap_or_default().strftime("%Y-%m-%d").to_string())
}

/// `2026-11-23 05:28`.
#[askama::filter_fn]
pub(crate) fn minute<M: Moment>(time: M, _: &dyn Values) -> Printed<String> {
    Ok(jiff::Timestamp::from_second(time.seconds()).unwrap_or_default().strftime("%Y-%m-%d %H:%M").to_string())
}

/// The first seven digits of a commit.
#[askama::filter_fn]
pub(crate) fn short_commit<W: Words>(commit: W, _: &dyn Values) -> Printed<String> {
    Ok(commit.words().chars().take(7).collect())
}

/// Markdown as sanitised HTML.
#[askama::filter_fn]
pub(crate) fn markdown<W: Words>(text: W, _: &dyn Values) -> Printed<Markup> {
    Ok(prose::render(text.words()))
}

/// The first line of a Markdown text, without marks.
#[askama::filter_fn]
pub(crate) fn first_line<W: Words>(text: W, _: &dyn Values) -> Printed<String> {
    Ok(crate::catalog::first_line(text.words()))
}

/// `text` with its middle left out where it is longer than `most` characters.
#[askama::filter_fn]
pub(crate) fn shorten<W: Words>(text: W, _: &dyn Values, most: usize) -> Printed<String> {
    Ok(middle(text.words(), most))
}

/// `text` as a value in an address.
#[askama::filter_fn]
pub(crate) fn encoded<W: Words>(text: W, _: &dyn Values) -> Printed<String> {
    Ok(urls::encode(text.words()))
}

/// The page of an owner.
#[askama::filter_fn]
pub(crate) fn owner_url<W: Words>(name: W, _: &dyn Values) -> Printed<String> {
    Ok(urls::owner(name.words()))
}

/// The page of a group of metrics.
#[askama::filter_fn]
pub(crate) fn conflict_url<W: Words>(id: W, _: &dyn Values) -> Printed<String> {
    Ok(urls::conflict(id.words()))
}

/// The page of a diagnostic code.
#[askama::filter_fn]
pub(crate) fn code_url<W: Words>(code: W, _: &dyn Values) -> Printed<String> {
    Ok(urls::diagnostic(code.words()))
}

/// The colour class of a severity.
#[askama::filter_fn]
pub(crate) fn tone(severity: &Severity, _: &dyn Values) -> Printed<&'static str> {
    Ok(match severity {
        Severity::Error => "bad",
        Severity::Warning => "warn",
        Severity::Info => "",
    })
}

/// SQL in colours.
#[askama::filter_fn]
pub(crate) fn sql<W: Words>(text: W, _: &dyn Values) -> Printed<Markup> {
    Ok(sql_text::coloured(text.words()))
}

/// A piece of SQL in colours with its marked part.
#[askama::filter_fn]
pub(crate) fn excerpt(excerpt: &Excerpt, _: &dyn Values) -> Printed<Markup> {
    Ok(sql_text::excerpt(excerpt))
}

/// A sentence with its code in code and its verb in bold.
#[askama::filter_fn]
pub(crate) fn sentence<W: Words>(text: W, _: &dyn Values) -> Printed<Markup> {
    let text = text.words();
    let (verb, rest) = text.find(' ').map_or((text, ""), |at| text.split_at(at));
    let mut html = String::from("<b>");
    push_escaped(&mut html, verb);
    html.push_str("</b>");
    push_with_code(&mut html, rest);
    Ok(Markup::trusted(html))
}

/// A text with what stands between backticks as code.
#[askama::filter_fn]
pub(crate) fn with_code<W: Words>(text: W, _: &dyn Values) -> Printed<Markup> {
    let mut html = String::new();
    push_with_code(&mut html, text.words());
    Ok(Markup::trusted(html))
}

fn push_with_code(html: &mut String, text: &str) {
    for (at, piece) in text.split('`').enumerate() {
        let (open, close) = if at % 2 == 1 { ("<code>", "</code>") } else { ("", "") };
        html.push_str(open);
        push_escaped(html, piece);
        html.push_str(close);
    }
}

/// The icon of a severity.
#[askama::filter_fn]
pub(crate) fn severity_icon(severity: &Severity, _: &dyn Values) -> Printed<Markup> {
    Ok(icons::icon(match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }))
}

/// How bad a change would be, in words.
#[askama::filter_fn]
pub(crate) fn severity_word(severity: &ImpactSeverity, _: &dyn Values) -> Printed<&'static str> {
    Ok(match severity {
        ImpactSeverity::Seen => "people see it",
        ImpactSeverity::Breaks => "breaks",
        ImpactSeverity::Changes => "values change",
    })
}

/// What an edge does, in a word.
#[askama::filter_fn]
pub(crate) fn edge_word(kind: &ColumnEdgeKind, _: &dyn Values) -> Printed<&'static str> {
    Ok(kind_in_a_word(kind.word()))
}

/// A dot in the colour of an edge's kind, with the word for those who do not see it.
#[askama::filter_fn]
pub(crate) fn edge_mark(kind: &ColumnEdgeKind, _: &dyn Values) -> Printed<Markup> {
    let word = kind_in_a_word(kind.word());
    Ok(Markup::trusted(format!(
        "<span class=\"dot {}\" title=\"{word}\"><span class=\"sr\">{word}</span></span>",
        kind_class([kind.word()])
    )))
}

/// What a row edge does, in a word.
#[askama::filter_fn]
pub(crate) fn row_word<W: Words>(kind: W, _: &dyn Values) -> Printed<&'static str> {
    Ok(kind_in_a_word(kind.words()))
}

/// What edges of several kinds do, in words.
#[askama::filter_fn]
pub(crate) fn kind_words(kinds: &[String], _: &dyn Values) -> Printed<String> {
    Ok(kinds_in_words(kinds))
}

/// How an asset is connected to the next one.
#[askama::filter_fn]
pub(crate) fn how(near: &Neighbour, _: &dyn Values) -> Printed<String> {
    let words = kinds_in_words(&near.kinds);
    Ok(match (near.columns, words.is_empty()) {
        (0, true) => "as a whole".to_owned(),
        (0, false) => words,
        (columns, _) => format!("{} · {words}", counted(columns, "column")),
    })
}

/// The end of an edge: a column of an asset, or the asset.
#[askama::filter_fn]
pub(crate) fn link_end(asset: &AssetRef, _: &dyn Values, column: &Option<String>) -> Printed<Markup> {
    Ok(linked(asset, column.as_deref()))
}

/// The address of a hit.
#[askama::filter_fn]
pub(crate) fn hit_url(hit: &Hit, _: &dyn Values) -> Printed<String> {
    Ok(address(&hit.asset, hit.column.as_deref()))
}

/// The name of a hit with what matched marked.
#[askama::filter_fn]
pub(crate) fn hit_name(hit: &Hit, _: &dyn Values) -> Printed<Markup> {
    Ok(match &hit.column {
        Some(column) => with_marks(column, &hit.name_marks),
        None => marked_name(&hit.asset, None, &hit.name_marks),
    })
}

/// What a hit means, with what matched marked.
#[askama::filter_fn]
pub(crate) fn hit_summary(hit: &Hit, _: &dyn Values) -> Printed<Markup> {
    Ok(with_marks(&hit.summary, &hit.summary_marks))
}

/// The address of a suggestion.
#[askama::filter_fn]
pub(crate) fn suggestion_url(it: &Suggestion, _: &dyn Values) -> Printed<String> {
    Ok(address(&it.asset, it.column.as_deref()))
}

/// The name of a suggestion with what matched marked.
#[askama::filter_fn]
pub(crate) fn suggestion_name(it: &Suggestion, _: &dyn Values) -> Printed<Markup> {
    Ok(marked_name(&it.asset, it.column.as_deref(), &it.marks))
}

/// `copied`, `aggregated`, `filters rows`, … for a kind's word.
pub(super) fn kind_in_a_word(kind: &str) -> &'static str {
    match kind {
        "IDENTITY" => "copied",
        "TRANSFORMATION" => "transformed",
        "AGGREGATION" => "aggregated",
        "CONDITIONAL" => "decides the value",
        "WINDOW" => "orders a window",
        "FILTER" => "filters rows",
        "JOIN" => "joins",
        "GROUP_BY" => "groups",
        "SORT" => "sorts",
        _ => "reads",
    }
}

/// Several kinds in words; "" for none.
pub(super) fn kinds_in_words(kinds: &[String]) -> String {
    let words: Vec<&str> = kinds.iter().map(|kind| kind_in_a_word(kind)).collect();
    words.join(", ")
}

/// The class that colours edges of `kinds`: the strongest decides.
pub(super) fn kind_class<'a>(kinds: impl IntoIterator<Item = &'a str>) -> &'static str {
    let rank = |kind: &str| match kind {
        "AGGREGATION" => 3,
        "TRANSFORMATION" => 2,
        "IDENTITY" => 1,
        _ => 0,
    };
    match kinds.into_iter().map(rank).max() {
        Some(3) => "aggregated",
        Some(2) => "transformed",
        Some(1) => "copied",
        Some(_) => "indirect",
        None => "asset",
    }
}

fn address(asset: &AssetRef, column: Option<&str>) -> String {
    match column {
        Some(column) => urls::column(asset, column),
        None => urls::asset(asset),
    }
}

/// An asset's name with its path pale, or a column's name; `marks` are byte ranges of what is shown.
fn marked_name(asset: &AssetRef, column: Option<&str>, marks: &[(usize, usize)]) -> Markup {
    if let Some(column) = column {
        let mut html = with_marks(column, marks).to_string();
        html.push_str(" <span class=\"path\">");
        push_escaped(&mut html, asset.split_name().1);
        html.push_str("</span>");
        return Markup::trusted(html);
    }
    let (path, last) = asset.split_name();
    let (mut before, mut behind) = (Vec::new(), Vec::new());
    for &(start, end) in marks {
        if start < path.len() {
            before.push((start, end.min(path.len())));
        }
        if end > path.len() {
            behind.push((start.max(path.len()) - path.len(), end - path.len()));
        }
    }
    let (path, last) = (with_marks(path, &before), with_marks(last, &behind));
    Markup::trusted(format!("<span class=\"nm\"><i class=\"path\">{path}</i><b>{last}</b></span>"))
}

/// `text` with the bytes of `marks` in `<mark>`.
pub(super) fn with_marks(text: &str, marks: &[(usize, usize)]) -> Markup {
    let mut html = String::with_capacity(text.len() + 16);
    let mut at = 0;
    for &(start, end) in marks {
        let (Some(before), Some(inside)) = (text.get(at..start), text.get(start..end)) else { continue };
        push_escaped(&mut html, before);
        html.push_str("<mark>");
        push_escaped(&mut html, inside);
        html.push_str("</mark>");
        at = end;
    }
    push_escaped(&mut html, text.get(at..).unwrap_or(""));
    Markup::trusted(html)
}

/// `materialized view`.
pub(super) fn kind_in_words(kind: AssetKind) -> String {
    kind.word().replace('_', " ")
}

/// `1 table`, `2 tables`, `3 queries`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    match (number, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        _ if noun == "person" => format!("{} people", grouped(number)),
        (_, Some(stem)) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{} {stem}ies", grouped(number)),
        _ => format!("{} {noun}s", grouped(number)),
    }
}

/// `text` with its middle left out where it is longer than `most` characters.
pub(super) fn middle(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most || most < 5 {
        return text.to_owned();
    }
    let tail = (most - 1) * 2 / 3;
    let head = most - 1 - tail;
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(length - tail).collect();
    format!("{start}…{end}")
}

/// A link to an asset, as [`link`] prints it.
pub(super) fn connected(asset: &AssetRef) -> Markup {
    linked(asset, None)
}

fn linked(asset: &AssetRef, column: Option<&str>) -> Markup {
    let (path, last) = asset.split_name();
    let mut html = opened(asset, column);
    html.push_str("<span class=\"nm\"><i>");
    push_escaped(&mut html, path);
    html.push_str("</i><b>");
    let (head, tail) = split_tail(column.unwrap_or(last));
    if column.is_some() {
        push_escaped(&mut html, last);
        html.push('.');
    }
    push_escaped(&mut html, head);
    html.push_str("</b><u>");
    push_escaped(&mut html, tail);
    html.push_str("</u></span></a>");
    push_environment(&mut html, asset);
    Markup::trusted(html)
}

/// Says which environment an asset belongs to, where it is not prod.
fn push_environment(html: &mut String, asset: &AssetRef) {
    if let Some(environment) = &asset.environment {
        html.push_str(" <span class=\"tag env\" title=\"environment\">");
        push_escaped(html, &middle(environment, 20));
        html.push_str("</span>");
    }
}

/// `text` before and from the part that always stays; short texts stay whole.
fn split_tail(text: &str) -> (&str, &str) {
    const STAYS: usize = 14;
    const SHORT: usize = 26;
    let length = text.chars().count();
    let from = if length <= SHORT { 0 } else { length - STAYS };
    let at = text.char_indices().nth(from).map_or(0, |(at, _)| at);
    text.split_at(at)
}

/// A name before and from its last part.
fn split_path(name: &str) -> (&str, &str) {
    name.split_at(name.rfind('.').map_or(0, |dot| dot + 1))
}

fn opened(asset: &AssetRef, column: Option<&str>) -> String {
    let (address, mut title) = match column {
        Some(column) => (urls::column(asset, column), format!("{}.{column}", asset.name)),
        None => (urls::asset(asset), asset.name.clone()),
    };
    title.push_str(&format!(" · {} in {}", kind_in_words(asset.kind), asset.namespace));
    let mut html = String::from("<a class=\"name\" href=\"");
    push_escaped(&mut html, &address);
    html.push_str("\" title=\"");
    push_escaped(&mut html, &title);
    html.push_str("\">");
    html
}

fn elapsed(time: i64, now: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    match now.saturating_sub(time) {
        past if past < MINUTE => "just now".to_owned(),
        past if past < HOUR => format!("{} min ago", past / MINUTE),
        past if past < DAY => format!("{} h ago", past / HOUR),
        past if past < 60 * DAY => counted((past / DAY).unsigned_abs(), "day") + " ago",
        past if past < 730 * DAY => counted((past / (30 * DAY)).unsigned_abs(), "month") + " ago",
        past => counted((past / (365 * DAY)).unsigned_abs(), "year") + " ago",
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_nouns_agree() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(counted(1, "query"), "1 query");
        assert_eq!(counted(2, "query"), "2 queries");
        assert_eq!(counted(0, "day"), "0 days");
    }

    #[test]
    fn long_names_lose_their_middle_not_their_end() {
        assert_eq!(middle("moz-fx-data-shared-prod.telemetry.clients_daily", 24), "moz-fx-d…y.clients_daily");
        assert_eq!(middle("short", 24), "short");
    }

    #[test]
    fn times_are_told_in_the_largest_unit_that_fits() {
        for (past, said) in [(5, "just now"), (3_600, "1 h ago"), (86_400 * 3, "3 days ago"), (86_400 * 800, "2 years ago")] {
            assert_eq!(elapsed(1_000_000_000 - past, 1_000_000_000), said);
        }
    }

    #[test]
    fn marks_never_let_html_through() {
        assert_eq!(with_marks("<b>churn</b>", &[(3, 8)]).to_string(), "&lt;b&gt;<mark>churn</mark>&lt;/b&gt;");
    }
}
