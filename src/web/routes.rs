//! Every address, in one table, with what it takes to come in there.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::from_fn_with_state,
    routing::{MethodRouter, get, post, put},
};

use super::{
    Site,
    access::{self, Came, Visitor},
    api, api_audit, api_statements,
    error::{self, PageError},
    feeds, openapi,
    pages::{
        account, asset, audits, bulk, column, conflicts, coverage, crawl, decisions, deprecations, diagnostics, edit, evidence,
        explain, findings, go, help, history, home, impact, lineage, mine, owners, people, query, scorecard, search, searches,
        sign_in, sql, staleness, statements, theme, usage,
    },
    statics,
};
use crate::model::{Role, Scope};

/// What it takes to read at an address, and to change something there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Need {
    read: Option<(Role, Scope)>,
    change: Option<(Role, Scope)>,
}

/// Where a forge asks for a crawl.
pub(super) const WEBHOOK: &str = "/hooks/crawl";

/// Everybody, signed in or not.
const OPEN: Need = Need { read: None, change: None };
/// Everybody who is signed in reads; editors change. What every address takes that says nothing else.
const READ: Need = Need { read: Some((Role::Viewer, Scope::Read)), change: Some((Role::Editor, Scope::Write)) };
/// Everybody who is signed in, for what is theirs: `catalog` decides what that is.
const OWN: Need = Need { read: Some((Role::Viewer, Scope::Read)), change: Some((Role::Viewer, Scope::Write)) };
/// Everybody who is signed in, with a whole key: what opens other doors.
const KEYS: Need = Need { read: Some((Role::Viewer, Scope::Admin)), change: Some((Role::Viewer, Scope::Admin)) };
/// Admins alone.
const ADMIN: Need = Need { read: Some((Role::Admin, Scope::Admin)), change: Some((Role::Admin, Scope::Admin)) };
/// Everybody who is signed in, readers of feeds too.
const FEED: Need = Need { read: Some((Role::Viewer, Scope::Feed)), change: Some((Role::Admin, Scope::Admin)) };

/// What each address takes.
#[derive(Clone, Debug, Default)]
pub(super) struct Needs(BTreeMap<&'static str, Need>);

impl Needs {
    /// Whether `visitor` may come in at `path`, as the table writes it.
    ///
    /// # Errors
    /// [`PageError::Unauthorized`] where nobody known asks, [`PageError::Forbidden`] where they may not.
    pub(super) fn check(&self, path: Option<&str>, changes: bool, visitor: &Visitor) -> Result<(), PageError> {
        // What no route knows is answered to whoever is signed in: that there is no such page.
        let need = path.map_or(Some(&READ), |path| self.0.get(path)).unwrap_or(&ADMIN);
        let Some((role, scope)) = (if changes { need.change } else { need.read }) else { return Ok(()) };
        let Some(actor) = &visitor.actor else { return Err(PageError::Unauthorized) };
        match actor.may(role, scope) {
            true => Ok(()),
            false if actor.role >= role && visitor.came == Came::Token => {
                Err(PageError::Forbidden(format!("This takes a token of the scope {}.", scope.word())))
            }
            false => Err(PageError::Forbidden(format!(
                "This is for the role {}; {} is {}.",
                role.word(),
                actor.name,
                actor.role.word()
            ))),
        }
    }
}

/// The table while it is written.
#[derive(Default)]
struct Table {
    router: Router<Site>,
    needs: Needs,
}

impl Table {
    /// An address of the usual kind: see [`READ`].
    fn route(self, path: &'static str, methods: MethodRouter<Site>) -> Table {
        self.route_for(READ, path, methods)
    }

    fn route_for(mut self, need: Need, path: &'static str, methods: MethodRouter<Site>) -> Table {
        self.needs.0.insert(path, need);
        Table { router: self.router.route(path, methods), needs: self.needs }
    }
}

/// Every address as the table writes it, sorted.
pub fn addresses() -> Vec<&'static str> {
    addresses_with_needs().needs.0.into_keys().collect()
}

/// The router over the table.
pub(super) fn table(site: &Site) -> Router<Site> {
    let Table { router, needs } = addresses_with_needs();
    router
        .fallback(error::show_nothing)
        .layer(from_fn_with_state((site.clone(), Arc::new(needs)), access::guard))
        .layer(from_fn_with_state(site.clone(), error::show_errors))
        .layer(from_fn_with_state(site.clone(), access::identify))
}

/// The addresses of pages, files and the JSON API.
#[rustfmt::skip]
fn addresses_with_needs() -> Table {
    Table::default()
        // Finding
        .route("/", get(home::show_home))
        .route("/search", get(search::show_search))
        .route("/go", get(go::go_to_name))
        .route("/query", get(query::show_query))
        // One asset
        .route("/assets/{namespace}/{name}", get(asset::show_asset))
        .route("/assets/{namespace}/{name}/columns", get(asset::show_columns))
        .route("/assets/{namespace}/{name}/columns/{column}", get(column::show_column))
        .route("/assets/{namespace}/{name}/columns/{column}/explain", get(explain::show_explanation))
        .route("/assets/{namespace}/{name}/columns/{column}/explain.md", get(explain::show_explanation_as_markdown))
        .route("/assets/{namespace}/{name}/lineage", get(lineage::show_lineage))
        .route("/assets/{namespace}/{name}/lineage.svg", get(lineage::download_svg))
        .route("/assets/{namespace}/{name}/lineage.csv", get(lineage::download_csv))
        .route("/assets/{namespace}/{name}/lineage.mmd", get(lineage::download_mermaid))
        .route("/assets/{namespace}/{name}/impact", get(impact::show_impact))
        .route("/assets/{namespace}/{name}/impact.csv", get(impact::download_impact))
        .route("/assets/{namespace}/{name}/sql", get(sql::show_sql))
        .route("/assets/{namespace}/{name}/history", get(history::show_history))
        .route("/assets/{namespace}/{name}/usage", get(usage::show_usage))
        // The same by any name: ?name=
        .route("/lineage", get(go::go_to_lineage))
        .route("/impact", get(go::go_to_impact))
        .route("/explain", get(go::go_to_explanation))
        // People and promises
        .route("/owners", get(owners::show_owners))
        .route("/owners/none", get(owners::show_unowned))
        .route("/owners/by-name/{name}", get(owners::show_owner))
        .route("/deprecations", get(deprecations::show_deprecations))
        // One number, one meaning
        .route("/conflicts", get(conflicts::show_conflicts))
        .route("/conflicts/{id}", get(conflicts::show_conflict))
        .route("/conflicts/{id}/endorse", post(conflicts::endorse))
        .route("/conflicts/{id}/deprecate", post(conflicts::deprecate))
        .route("/conflicts/{id}/notes", post(conflicts::add_note))
        .route("/conflicts/{id}/notes/{number}/undo", post(conflicts::take_back_note))
        .route("/findings", get(findings::show_findings))
        .route("/findings.csv", get(findings::download_findings))
        .route("/findings/snooze", post(findings::snooze))
        .route("/coverage", get(coverage::show_coverage))
        .route("/decisions", get(decisions::show_decisions))
        .route("/decisions/new", get(decisions::show_new).post(decisions::add))
        .route("/decisions/{key}/edit", get(decisions::show_form).post(decisions::edit))
        .route("/audits", get(audits::show_audits))
        .route("/audits/new", get(audits::show_new).post(audits::begin))
        .route("/audits/{number}", get(audits::show_audit))
        .route_for(OWN, "/audits/{number}/decide", post(audits::decide))
        .route_for(OWN, "/audits/{number}/items/{ordinal}", get(audits::show_item).post(audits::decide_item))
        .route("/audits/{number}/close", post(audits::close))
        .route("/audits/{number}/report", get(audits::show_report))
        .route("/audits/{number}/report.csv", get(audits::download_report))
        // What really happens
        .route("/staleness", get(staleness::show_staleness))
        .route("/staleness.csv", get(staleness::download_staleness))
        .route("/evidence", get(evidence::show_evidence))
        .route("/scorecard", get(scorecard::show_scorecard))
        .route("/searches", get(searches::show_searches))
        .route_for(OWN, "/assets/{namespace}/{name}/edit/{field}", get(edit::show_form).post(edit::save_field))
        .route_for(OWN, "/statements", get(statements::show_statements))
        .route_for(OWN, "/statements/{number}/undo", post(statements::undo))
        .route("/statements/governance.yaml", get(statements::download_yaml))
        .route("/mine", get(mine::show_mine))
        .route_for(OWN, "/watch", post(mine::set_watch))
        .route_for(OWN, "/assets/{namespace}/{name}/remarks", post(mine::add_remark))
        .route_for(OWN, "/remarks/{number}/answer", post(mine::answer_remark))
        .route_for(FEED, "/feeds/mine.atom", get(feeds::show_mine))
        .route_for(FEED, "/feeds/watched.atom", get(feeds::show_watched))
        .route_for(FEED, "/feeds/search.atom", get(feeds::show_search))
        .route_for(FEED, "/feeds/assets/{namespace}/{name}", get(feeds::show_asset))
        .route_for(FEED, "/feeds/owners/{name}", get(feeds::show_owner))
        .route_for(OWN, "/bulk", post(bulk::show_form))
        .route_for(OWN, "/bulk/apply", post(bulk::apply))
        // Coming in
        .route_for(OPEN, "/sign-in", get(sign_in::show_form).post(sign_in::sign_in))
        .route_for(OPEN, "/sign-out", post(sign_in::sign_out))
        .route_for(KEYS, "/account", get(account::show_account))
        .route_for(KEYS, "/account/password", post(account::set_password))
        .route_for(KEYS, "/account/sign-out", post(account::sign_out_everywhere))
        .route_for(KEYS, "/account/tokens", post(account::make_token))
        .route_for(KEYS, "/account/tokens/{id}/revoke", post(account::revoke_token))
        .route_for(ADMIN, "/people", get(people::show_people).post(people::add_person))
        .route_for(ADMIN, "/people/{person}", get(people::show_person).post(people::change_person))
        // The catalog itself
        .route("/runs", get(crawl::show_runs))
        .route("/progress", get(crawl::show_progress))
        .route("/crawl", post(crawl::request_crawl))
        .route_for(OPEN, WEBHOOK, post(crawl::request_crawl_by_webhook).layer(DefaultBodyLimit::max(crawl::MOST_WEBHOOK_BYTES)))
        .route("/diagnostics", get(diagnostics::show_codes))
        .route("/diagnostics/{code}", get(diagnostics::show_code))
        .route_for(OPEN, "/healthz", get(crawl::show_health))
        .route("/help", get(help::show_help))
        .route("/help/api", get(openapi::show_page))
        .route_for(OPEN, "/theme", post(theme::set_theme))
        .route_for(OPEN, "/static/{sum}/{name}", get(statics::show_static))
        // For programs
        .route("/api/v1/search", get(api::search))
        .route("/api/v1/resolve", get(api::resolve))
        .route("/api/v1/query", get(api::query))
        .route("/api/v1/assets/{namespace}/{name}", get(api::show_asset))
        .route("/api/v1/assets/{namespace}/{name}/columns/{column}", get(api::show_column))
        .route("/api/v1/assets/{namespace}/{name}/columns/{column}/explain", get(api::explain))
        .route("/api/v1/assets/{namespace}/{name}/trace", get(api::trace))
        .route("/api/v1/assets/{namespace}/{name}/impact", get(api::impact))
        .route("/api/v1/assets/{namespace}/{name}/columns", get(api::show_columns))
        .route_for(OWN, "/api/v1/assets/{namespace}/{name}/statements", get(api_statements::list_of_asset))
        .route_for(OWN, "/api/v1/assets/{namespace}/{name}/statements/{field}", put(api_statements::set_field).delete(api_statements::withdraw_field))
        .route_for(OWN, "/api/v1/assets/{namespace}/{name}/remarks", get(api_statements::list_remarks).post(api_statements::add_remark))
        .route("/api/v1/statements", get(api_statements::list))
        .route_for(OWN, "/api/v1/statements/{number}/undo", post(api_statements::undo))
        .route_for(OWN, "/api/v1/bulk", post(api_statements::state_of_many))
        .route("/api/v1/governance", get(api_statements::export).post(api_statements::import))
        .route_for(OPEN, "/api/v1/openapi.json", get(openapi::show_description))
        .route("/api/v1/owners", get(api::owners))
        .route("/api/v1/deprecations", get(api::deprecations))
        .route("/api/v1/assets/{namespace}/{name}/usage", get(api::show_usage))
        .route("/api/v1/conflicts", get(api_audit::conflicts))
        .route("/api/v1/conflicts/{id}", get(api_audit::conflict))
        .route("/api/v1/findings", get(api_audit::findings))
        .route("/api/v1/coverage", get(api_audit::coverage))
        .route("/api/v1/decisions", get(api_audit::decisions))
        .route("/api/v1/audits", get(api_audit::audits))
        .route("/api/v1/audits/{number}", get(api_audit::audit))
        .route("/api/v1/conflicts/{id}/notes", post(api_audit::note_conflict))
        .route("/api/v1/staleness", get(api::staleness))
        .route("/api/v1/evidence", get(api::evidence))
        .route("/api/v1/scorecard", get(api::scorecard))
        .route("/api/v1/searches", get(api::searches))
        .route("/api/v1/runs", get(api::runs))
        .route("/api/v1/diagnostics", get(api::diagnostics))
}
