//! "Explain this number": the way of a column back to where it comes from, a step per statement.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::{
    AssetRef, ColumnRef, Described, Excerpt, LastChange, NamedOwner, PathChange, Place, Result, View, asset::last_change,
};
use crate::{
    insight::explain::{Making, make_column},
    model::{AssetId, RowEdgeKind, Span, Step},
    store::{AssetDetail, AssetRow, Definition},
};

/// Steps of one story that are told, at most.
const MOST_STEPS: usize = 120;
/// Steps at most, those among them that only repeat another one elsewhere.
const MOST_WITH_REPEATED: usize = 600;
/// Names that the story in short lists before it counts the rest.
const SHORT_NAMES: usize = 3;
/// Statements that write one column that are told of.
const MOST_STATEMENTS: usize = 8;
/// Plain copies folded into one step at most.
const FARTHEST_COPY: usize = 40;

/// The story of one column.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Explanation {
    /// The asset that has it.
    pub asset: AssetRef,
    /// The column.
    pub column: String,
    /// What it means, own or inherited.
    pub description: Option<Described>,
    /// Who owns the asset.
    pub owners: Vec<NamedOwner>,
    /// The whole in a sentence or two.
    pub in_short: String,
    /// The steps, the number first, nearest first.
    pub steps: Vec<ExplainStep>,
    /// Where the story ends: columns that nothing in the catalog computes.
    pub roots: Vec<ColumnRef>,
    /// Assets on the way.
    pub assets: u64,
    /// Conditions that decide rows on the way.
    pub filters: u64,
    /// Joins on the way.
    pub joins: u64,
    /// What changed along the way in the fortnight before the newest commit, what touches the number first.
    pub changes: Vec<PathChange>,
    /// Whether the limit cut the story off.
    pub cut: bool,
}

impl Explanation {
    /// The story as Markdown.
    pub fn to_markdown(&self) -> String {
        let mut out = format!("# Where {}.{} comes from\n", self.asset.name, self.column);
        if !self.changes.is_empty() {
            out.push_str("\nChanged along this way in the last 14 days:\n\n");
        }
        for one in &self.changes {
            let day = jiff::Timestamp::from_second(one.change.time).map(|time| time.strftime("%Y-%m-%d").to_string());
            let (day, author) = (day.unwrap_or_default(), &one.change.author);
            out.push_str(&format!("- step {}, {day}, {author}: {}\n", one.step, one.what.join(" ")));
        }
        if !self.in_short.is_empty() {
            out.push_str(&format!("\n{}\n", self.in_short));
        }
        for step in self.steps.iter().filter(|step| step.same_as.is_none()) {
            let name = format!("{}.{}", step.column.asset.name, step.column.column);
            out.push_str(&format!("\n{}. **`{name}`**: {}", step.number, step.sentence));
            if let Some(place) = &step.place {
                out.push_str(&format!(" (`{}`)", place.label()));
            }
            out.push('\n');
            if let Some(excerpt) = &step.excerpt {
                out.push_str(&format!("\n```sql\n{}\n```\n", excerpt.text.trim_end()));
            }
            for rule in &step.rules {
                out.push_str(&format!("   - {}: `{}`\n", rule.label(), rule.text));
            }
            for (at, branch) in step.branches.iter().enumerate() {
                out.push_str(&format!("   - Query {}: {}\n", at + 1, branch.sentence));
                for rule in &branch.rules {
                    out.push_str(&format!("     - {}: `{}`\n", rule.label(), rule.text));
                }
            }
            let same: Vec<String> = self.repeated(step).map(|step| format!("`{}`", step.column.asset.name)).collect();
            if !same.is_empty() {
                out.push_str(&format!("   - The same in {}\n", same.join(", ")));
            }
        }
        if !self.roots.is_empty() {
            out.push_str("\nIt comes from:\n\n");
            for root in &self.roots {
                out.push_str(&format!("- `{}.{}`\n", root.asset.name, root.column));
            }
        }
        out
    }

    /// The steps that repeat `step` elsewhere.
    pub fn repeated<'s>(&'s self, step: &ExplainStep) -> impl Iterator<Item = &'s ExplainStep> {
        let number = step.number;
        self.steps.iter().filter(move |other| other.same_as == Some(number))
    }

    /// How many steps are told, those that repeat another one left out.
    pub fn told(&self) -> usize {
        self.steps.iter().filter(|step| step.same_as.is_none()).count()
    }
}

/// One step of a story: what one statement does to one column.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ExplainStep {
    /// From 1.
    pub number: u32,
    /// The column that the step computes.
    pub column: ColumnRef,
    /// Steps that use it (their numbers); empty for the first.
    pub used_by: Vec<u32>,
    /// The step before it that says word for word the same of a table called alike elsewhere.
    pub same_as: Option<u32>,
    /// What happens, in a sentence of plain text.
    pub sentence: String,
    /// The expression's text; "" where nothing in the catalog computes it.
    pub expression: String,
    /// The lines of SQL with the expression marked.
    pub excerpt: Option<Excerpt>,
    /// The filters and joins that decide which rows survive.
    pub rules: Vec<RowRule>,
    /// Where several queries put together make it: each of them. Empty where they only take the value over.
    pub branches: Vec<ExplainBranch>,
    /// Other statements that write the column, with what each does.
    pub others: Vec<ExplainBranch>,
    /// The columns it is computed from.
    pub inputs: Vec<ColumnRef>,
    /// Assets between this step and its inputs that copy the value unchanged, folded away.
    pub passes_through: Vec<ColumnRef>,
    /// Where the expression stands.
    pub place: Option<Place>,
    /// Who changed the file last.
    pub last_change: Option<LastChange>,
    /// Whether nothing in the catalog computes it.
    pub is_root: bool,
}

/// One of several queries that make a column.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ExplainBranch {
    /// What happens, in a sentence of plain text.
    pub sentence: String,
    /// The lines of SQL with the expression marked.
    pub excerpt: Option<Excerpt>,
    /// What decides which rows survive.
    pub rules: Vec<RowRule>,
    /// The columns it is computed from.
    pub inputs: Vec<ColumnRef>,
    /// Where the expression stands.
    pub place: Option<Place>,
}

impl ExplainStep {
    /// What it says, without where: the same for what differs by the dataset of its tables alone.
    fn signature(&self) -> String {
        let mut said = vec![self.column.column.to_lowercase(), self.column.asset.split_name().1.to_lowercase()];
        let mut take = |sentence: &str, rules: &[RowRule]| {
            said.push(sentence.to_owned());
            said.extend(rules.iter().map(|rule| format!("{} {}", rule.label(), rule.text)));
        };
        take(&self.sentence, &self.rules);
        self.branches.iter().chain(&self.others).for_each(|branch| take(&branch.sentence, &branch.rules));
        said.push(self.expression.clone());
        said.extend(self.inputs.iter().map(|input| format!("{}.{}", input.asset.split_name().1, input.column)));
        said.join("\n")
    }

    /// Every clause that decides rows, branches and other statements included.
    fn all_rules(&self) -> impl Iterator<Item = &RowRule> {
        self.rules.iter().chain(self.branches.iter().chain(&self.others).flat_map(|branch| &branch.rules))
    }

    /// Every clause that decides rows, branches included: (word, text).
    pub(super) fn rule_texts(&self) -> Vec<(String, String)> {
        let rules = self.rules.iter().chain(self.branches.iter().flat_map(|branch| &branch.rules));
        rules.map(|rule| (rule.word.clone(), rule.text.clone())).collect()
    }
}

impl RowRule {
    /// The word, with the CTE or subquery that it stands in: `where in paid_orders`.
    pub fn label(&self) -> String {
        if self.within.is_empty() { self.word.clone() } else { format!("{} in {}", self.word, self.within) }
    }
}

/// One clause that decides which rows survive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct RowRule {
    /// `FILTER`, `JOIN`, `GROUP_BY` or `SORT`.
    pub kind: String,
    /// The word in the text: `where`, `on`, `group by`, …
    pub word: String,
    /// The condition or the keys.
    pub text: String,
    /// The CTE or subquery that it stands in; "" for the statement itself.
    pub within: String,
    /// Where it stands.
    pub place: Option<Place>,
}

impl View {
    /// The story of `column` of the asset `name` of `namespace`.
    ///
    /// # Errors
    /// [`super::CatalogError::NotFound`] where there is no such asset or column.
    pub async fn explain(&self, namespace: &str, name: &str, column: &str) -> Result<Explanation> {
        let asset = self.demand(namespace, name)?;
        let shown = self.demand_column(asset, Some(column)).await?.unwrap_or_default();
        let answer = self.show_column(namespace, name, &shown).await?;
        let mut story = Story {
            view: self,
            details: FxHashMap::default(),
            steps: Vec::new(),
            numbers: FxHashMap::default(),
            told: Vec::new(),
            known: FxHashMap::default(),
            cut: false,
        };
        story.tell(asset, &shown).await?;
        let Story { steps, cut, told, .. } = story;
        let changes = self.path_changes(&told.iter().copied().zip(&steps).collect::<Vec<_>>()).await?;
        let count = |kind: RowEdgeKind| {
            let places: BTreeSet<_> = steps
                .iter()
                .flat_map(|step| step.all_rules())
                .filter(|rule| rule.kind == kind.word())
                .map(|rule| &rule.place)
                .collect();
            places.len() as u64
        };
        let roots: BTreeSet<ColumnRef> = steps.iter().filter(|step| step.is_root).map(|step| step.column.clone()).collect();
        let assets: BTreeSet<&AssetRef> =
            steps.iter().flat_map(|step| step.passes_through.iter().chain([&step.column])).map(|column| &column.asset).collect();
        Ok(Explanation {
            asset: answer.asset,
            column: shown,
            description: answer.description,
            owners: self.named_owners(&self.facts.of(asset.id).owners),
            in_short: tell_in_short(&steps, &roots, assets.len()),
            roots: roots.into_iter().collect(),
            assets: assets.len() as u64,
            filters: count(RowEdgeKind::Filter),
            joins: count(RowEdgeKind::Join),
            changes,
            steps,
            cut,
        })
    }
}

/// A column to tell of: the step that uses it and the copies on the way from it.
struct Waiting {
    asset: AssetId,
    column: String,
    used_by: Option<u32>,
    through: Vec<ColumnRef>,
}

/// The steps told so far, breadth first.
struct Story<'a> {
    view: &'a View,
    details: FxHashMap<AssetId, Option<Arc<AssetDetail>>>,
    steps: Vec<ExplainStep>,
    numbers: FxHashMap<(AssetId, String), usize>,
    /// The asset of each step.
    told: Vec<AssetId>,
    /// What was said of which kind of column, with the number of the step.
    known: FxHashMap<String, u32>,
    cut: bool,
}

impl Story<'_> {
    async fn tell(&mut self, asset: &AssetRow, column: &str) -> Result<()> {
        let start = Waiting { asset: asset.id, column: column.to_owned(), used_by: None, through: Vec::new() };
        let mut waiting = VecDeque::from([start]);
        while let Some(next) = waiting.pop_front() {
            if let Some(known) = self.numbers.get(&(next.asset, next.column.to_lowercase())) {
                if let Some(step) = self.steps.get_mut(*known)
                    && let Some(user) = next.used_by
                    && !step.used_by.contains(&user)
                    && user != step.number
                {
                    step.used_by.push(user);
                }
                continue;
            }
            if self.known.len() >= MOST_STEPS || self.steps.len() >= MOST_WITH_REPEATED {
                self.cut = true;
                break;
            }
            self.take_step(next, &mut waiting).await?;
        }
        Ok(())
    }

    /// Tells of one column and queues what it is made of; a plain copy is folded into what uses it.
    async fn take_step(&mut self, next: Waiting, waiting: &mut VecDeque<Waiting>) -> Result<()> {
        let view = self.view;
        let Some(pointer) = view.point(next.asset) else { return Ok(()) };
        let pointer = ColumnRef { asset: pointer, column: next.column.clone() };
        let detail = self.load(next.asset).await?;
        let mut makings = detail.as_deref().map(|detail| all_makings(detail, &next.column)).unwrap_or_default();
        let others = if makings.is_empty() { Vec::new() } else { makings.split_off(1) };
        let making = makings.pop();
        let mut sources = making.as_ref().map(|(definition, making)| sources_of(definition, making)).unwrap_or_default();
        if let (Some((_, making)), Some(user), [(source, column)]) = (&making, next.used_by, sources.as_slice())
            && making.is_plain_copy()
            && others.is_empty()
            && *source != next.asset
            && next.through.len() < FARTHEST_COPY
        {
            let mut through = next.through;
            through.push(pointer);
            waiting.push_back(Waiting { asset: *source, column: column.clone(), used_by: Some(user), through });
            return Ok(());
        }
        let number = u32::try_from(self.steps.len() + 1).unwrap_or(u32::MAX);
        self.numbers.insert((next.asset, next.column.to_lowercase()), self.steps.len());
        let mut step = match making {
            Some((definition, making)) => made_step(view, definition, &making, pointer),
            None => root_step(pointer, detail.as_deref()),
        };
        for (definition, making) in &others {
            step.others.push(tell_branch(view, definition, making));
            for source in sources_of(definition, making) {
                if !sources.contains(&source) {
                    sources.push(source);
                }
            }
        }
        step.number = number;
        step.used_by = next.used_by.into_iter().collect();
        step.passes_through = next.through;
        for (asset, column) in sources {
            let Some(source) = view.point(asset) else { continue };
            step.inputs.push(ColumnRef { asset: source, column: column.clone() });
            waiting.push_back(Waiting { asset, column, used_by: Some(number), through: Vec::new() });
        }
        let said = step.signature();
        match self.known.get(&said) {
            Some(first) => step.same_as = Some(*first),
            None => {
                self.known.insert(said, number);
            }
        }
        self.steps.push(step);
        self.told.push(next.asset);
        Ok(())
    }

    async fn load(&mut self, asset: AssetId) -> Result<Option<Arc<AssetDetail>>> {
        if let Some(known) = self.details.get(&asset) {
            return Ok(known.clone());
        }
        let detail = self.view.detail_of(asset).await?;
        self.details.insert(asset, detail.clone());
        Ok(detail)
    }
}

/// The first statement that makes a column, and the document it stands in.
pub(super) fn first_making<'a>(detail: &'a AssetDetail, column: &str) -> Option<(&'a Definition, Making)> {
    all_makings(detail, column).into_iter().next()
}

/// The whole story in a sentence or two: what the number is, and where it comes from in the end.
fn tell_in_short(steps: &[ExplainStep], roots: &BTreeSet<ColumnRef>, assets: usize) -> String {
    let Some(first) = steps.first().filter(|step| !step.is_root) else { return String::new() };
    let mut short = first.sentence.clone();
    // What the first step reads itself is said already.
    let is_far = |root: &&ColumnRef| !first.inputs.contains(root);
    let far: Vec<String> = roots.iter().filter(is_far).map(|root| format!("`{}.{}`", root.asset.name, root.column)).collect();
    if let Some(listed) = far.get(..far.len().min(SHORT_NAMES)).filter(|listed| !listed.is_empty()) {
        let rest = match far.len() - listed.len() {
            0 => String::new(),
            1 => " and 1 other column".to_owned(),
            more => format!(" and {more} other columns"),
        };
        short.push_str(&format!(" Through {assets} assets it goes back to {}{rest}.", listed.join(", ")));
    }
    short
}

/// The statements that make a column, an earlier document first; without those that write no row or
/// nothing but NULL, where others do.
fn all_makings<'a>(detail: &'a AssetDetail, column: &str) -> Vec<(&'a Definition, Making)> {
    let makings = detail.definitions.iter().flat_map(|definition| {
        let targets = definition.targets.iter();
        targets
            .flat_map(move |target| make_column(&definition.analysis, &definition.text, *target, column))
            .map(move |making| (definition, making))
    });
    let mut makings: Vec<_> = makings.collect();
    let empty = |(definition, making): &(&Definition, Making)| {
        making.writes_nothing(&definition.text) || making.is_always_null(&definition.text)
    };
    if !makings.iter().all(empty) {
        makings.retain(|making| !empty(making));
    }
    makings.truncate(MOST_STATEMENTS);
    makings
}

/// The clauses that decide rows, branches included: (word, text).
pub(super) fn rule_texts(definition: &Definition, making: &Making) -> Vec<(String, String)> {
    let branches = making.branches.iter().flat_map(|branch| &branch.making.rules);
    let word = |rule| Making::word_of_rule(rule, &definition.text, &definition.analysis);
    making.rules.iter().chain(branches).map(|rule| (word(rule), Making::text_of_rule(rule, &definition.text))).collect()
}

/// The real columns that a making reads and that are bound to assets, each once.
fn sources_of(definition: &Definition, making: &Making) -> Vec<(AssetId, String)> {
    let mut sources: Vec<(AssetId, String)> = Vec::new();
    for input in &making.inputs {
        let Some(relation) = input.relation else { continue };
        let Some(asset) = definition.bound.get(relation as usize).and_then(Option::as_ref) else { continue };
        let source = (asset.id, input.column.clone());
        if !sources.iter().any(|(asset, column)| *asset == source.0 && column.eq_ignore_ascii_case(&source.1)) {
            sources.push(source);
        }
    }
    sources
}

fn made_step(view: &View, definition: &Definition, making: &Making, column: ColumnRef) -> ExplainStep {
    let told = tell_branch(view, definition, making);
    let branches = if making.has_plain_branches() { &[][..] } else { &making.branches[..] };
    let span = making.links.first().map_or(Span::default(), |link| link.span);
    // What only puts queries together has no expression of its own.
    let is_union = !making.branches.is_empty() && making.links.iter().all(|link| link.step == Step::Copies);
    ExplainStep {
        number: 0,
        column,
        used_by: Vec::new(),
        same_as: None,
        sentence: told.sentence,
        expression: span.of(&definition.text).to_owned(),
        excerpt: told.excerpt.filter(|_| !is_union),
        rules: told.rules,
        branches: branches.iter().map(|branch| tell_branch(view, definition, &branch.making)).collect(),
        others: Vec::new(),
        inputs: Vec::new(),
        passes_through: Vec::new(),
        place: told.place,
        last_change: definition.last_change.as_ref().map(last_change),
        is_root: false,
    }
}

/// What one query does.
fn tell_branch(view: &View, definition: &Definition, making: &Making) -> ExplainBranch {
    let lines = definition.analysis.line_index(&definition.text);
    let place = |span: Span| Some(view.place_in(&definition.placement, lines.line(span.start)));
    let of_branch = || making.branches.first().and_then(|branch| branch.making.links.first());
    let span = making.links.first().or_else(of_branch).map_or(Span::default(), |link| link.span);
    let inputs = sources_of(definition, making).into_iter();
    ExplainBranch {
        sentence: making.sentence(&definition.text, &definition.analysis),
        excerpt: Some(Excerpt::around(&definition.text, &lines, span)),
        rules: making
            .rules
            .iter()
            .map(|rule| RowRule {
                kind: rule.kind.word().to_owned(),
                word: Making::word_of_rule(rule, &definition.text, &definition.analysis),
                text: Making::text_of_rule(rule, &definition.text),
                within: rule.within.clone(),
                place: place(rule.span),
            })
            .collect(),
        inputs: inputs.filter_map(|(asset, column)| Some(ColumnRef { asset: view.point(asset)?, column })).collect(),
        place: place(span),
    }
}

/// Where the story ends: nothing in the catalog computes the column.
fn root_step(column: ColumnRef, detail: Option<&AssetDetail>) -> ExplainStep {
    let sentence = match detail {
        Some(detail) if detail.definitions.is_empty() => "Comes from outside the catalog: nothing here fills it.".to_owned(),
        Some(_) => "Its SQL is in the catalog, but how it makes this column is not known.".to_owned(),
        None => "Nothing is known of it.".to_owned(),
    };
    ExplainStep {
        number: 0,
        column,
        used_by: Vec::new(),
        same_as: None,
        sentence,
        expression: String::new(),
        excerpt: None,
        rules: Vec::new(),
        branches: Vec::new(),
        others: Vec::new(),
        inputs: Vec::new(),
        passes_through: Vec::new(),
        place: None,
        last_change: None,
        is_root: true,
    }
}
