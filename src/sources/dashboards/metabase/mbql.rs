//! MBQL to the SELECT that it means, as far as lineage asks: which columns, computed from which.

use std::{collections::BTreeSet, sync::Arc};

use super::{Export, Query};
use crate::{
    model::{Diagnostic, Span, UNKNOWN_DEFINITION, UNSUPPORTED_DEFINITION},
    sources::{
        dashboards::quote,
        yaml::{Node, Value},
    },
};

/// Queries and expressions inside each other at most.
const DEEPEST: u32 = 40;

/// `[op, arguments…]` of both versions: options stand last in version 4, second in version 5.
struct Clause<'n> {
    op: &'n str,
    options: Option<&'n Node>,
    arguments: Vec<&'n Node>,
}

impl<'n> Clause<'n> {
    fn of(node: &'n Node) -> Option<Clause<'n>> {
        let (first, rest) = node.items().split_first()?;
        let op = first.text()?;
        let mut arguments: Vec<&Node> = rest.iter().map(|item| item.as_ref()).collect();
        let is_map = |node: &Node| matches!(node.value, Value::Map(_));
        let is_null = |node: &Node| matches!(&node.value, Value::Scalar { plain: true, text } if &**text == "null");
        let options = if arguments.first().is_some_and(|node| is_map(node)) {
            Some(arguments.remove(0))
        } else if arguments.last().is_some_and(|node| is_map(node) || arguments.len() > 1 && is_null(node)) {
            arguments.pop()
        } else {
            None
        };
        Some(Clause { op, options, arguments })
    }

    fn option(&self, key: &str) -> Option<&'n str> {
        self.options?.get(key).and_then(Node::text)
    }
}

/// What a stage reads: how its columns are called in front.
#[derive(Clone, Default)]
struct Stage<'n> {
    /// The alias of the first relation.
    source: String,
    /// The table behind it, where it is one.
    table: String,
    /// Tables that foreign keys lead to: (alias, table, the key's SQL).
    implicit: Vec<(String, String, String)>,
    expressions: Vec<(String, &'n Node)>,
    aggregations: Vec<(String, &'n Node)>,
}

impl Query<'_> {
    /// The SELECT of one MBQL 4 query.
    pub(super) fn select(&mut self, query: &Node, depth: u32) -> String {
        let inner = query.get("source-query").map(|inner| match inner.get("native") {
            Some(_) => self.compose_native(inner).finish().0,
            None => self.select(inner, depth + 1),
        });
        self.select_stage(query, inner, depth)
    }

    /// The SELECT of the stages of MBQL 5, each over the one before.
    pub(super) fn select_stages(&mut self, stages: &[Arc<Node>], depth: u32) -> String {
        let mut inner = None;
        for stage in stages {
            let text = match stage.get("native") {
                Some(_) => self.compose_native(stage).finish().0,
                None => self.select_stage(stage, inner.take(), depth),
            };
            inner = Some(text);
        }
        inner.unwrap_or_else(|| {
            let message = "the query has no stages, or is of a version that is not known";
            self.notes.push((self.line, Diagnostic::new(&UNSUPPORTED_DEFINITION, message, Span::default())));
            String::new()
        })
    }

    fn select_stage(&mut self, query: &Node, inner: Option<String>, depth: u32) -> String {
        if depth > DEEPEST {
            return String::new();
        }
        let mut stage = Stage { source: "source".to_owned(), ..Stage::default() };
        let from = match inner {
            Some(inner) => Some(format!("({inner})")),
            None => self.source(query, &mut stage),
        };
        for (name, node) in named(query.get("expressions"), "lib/expression-name") {
            stage.expressions.push((name, node));
        }
        let mut taken = BTreeSet::new();
        let aggregations = query.get("aggregation").map(Node::items).unwrap_or_default();
        // Version 4 also allows one aggregation without a list around it.
        let is_one = aggregations.first().is_some_and(|first| first.text().is_some());
        let aggregations: Vec<&Node> = if is_one {
            query.get("aggregation").into_iter().collect()
        } else {
            aggregations.iter().map(|node| node.as_ref()).collect()
        };
        for node in aggregations {
            let mut name = self.name_aggregation(node);
            let plain = name.clone();
            let mut number = 2;
            while !taken.insert(name.to_lowercase()) {
                name = format!("{plain}_{number}");
                number += 1;
            }
            stage.aggregations.push((name, node));
        }
        let joins = self.joins(query, &mut stage, depth);
        let columns = self.columns(query, &mut stage, depth);
        let conditions: Vec<String> =
            filters(query).into_iter().map(|filter| self.expression(filter, &mut stage, depth)).collect();
        let groups: Vec<String> =
            clauses(query, "breakout").into_iter().map(|node| self.expression(node, &mut stage, depth)).collect();
        let mut sql = format!("SELECT\n  {}", columns.join(",\n  "));
        if let Some(from) = from {
            sql.push_str(&format!("\nFROM {from} AS source"));
        }
        sql.push_str(&joins);
        for (alias, table, key) in &stage.implicit {
            let own = self.export.tables.get(table).map(|table| self.quote_table(&table.schema, &table.name)).unwrap_or_default();
            sql.push_str(&format!("\nLEFT JOIN {own} AS {alias} ON {key} IS NOT NULL"));
        }
        if !conditions.is_empty() {
            sql.push_str(&format!("\nWHERE {}", conditions.join("\n  AND ")));
        }
        if !groups.is_empty() {
            sql.push_str(&format!("\nGROUP BY {}", groups.join(", ")));
        }
        sql
    }

    /// What a stage is over: a table or a card.
    fn source(&mut self, query: &Node, stage: &mut Stage<'_>) -> Option<String> {
        if let Some((line, card)) = query.entry("source-card").and_then(|(line, card)| Some((line, card.text()?))) {
            return Some(self.card(card, line));
        }
        let (line, table) = query.entry("source-table")?;
        if let [.., schema, name] = table.items() {
            return Some(self.quote_table(schema.text().unwrap_or_default(), name.text().unwrap_or_default()));
        }
        let table = table.text()?;
        if let Some(card) = table.strip_prefix("card__") {
            return Some(self.card(card, line));
        }
        if let Some(known) = self.export.tables.get(table) {
            table.clone_into(&mut stage.table);
            return Some(self.quote_table(&known.schema, &known.name));
        }
        if table.parse::<u64>().is_err() {
            // The serialization calls cards by their own ids.
            return Some(self.card(table, line));
        }
        let message =
            format!("the table {table} is read, which no database of the export holds; export `/api/database/…/metadata` along");
        self.notes.push((line, Diagnostic::new(&UNKNOWN_DEFINITION, message, Span::default())));
        None
    }

    fn quote_table(&self, schema: &str, name: &str) -> String {
        match schema {
            "" => quote(self.dialect, name),
            schema => format!("{}.{}", quote_parts(self, schema), quote(self.dialect, name)),
        }
    }

    fn joins<'n>(&mut self, query: &'n Node, stage: &mut Stage<'n>, depth: u32) -> String {
        let mut sql = String::new();
        for join in query.get("joins").map(Node::items).unwrap_or_default() {
            let alias = join.get("alias").and_then(Node::text).unwrap_or("joined");
            let mut other = Stage::default();
            let stages = join.get("stages").map(Node::items).unwrap_or_default();
            let relation = if let [only] = stages
                && only.get("native").is_none()
                && is_bare(only)
            {
                self.source(only, &mut other)
            } else if !stages.is_empty() {
                Some(format!("({})", self.select_stages(stages, depth + 1)))
            } else if let Some(inner) = join.get("source-query") {
                Some(format!("({})", self.select(inner, depth + 1)))
            } else {
                self.source(join, &mut other)
            };
            let Some(relation) = relation else { continue };
            let mut conditions: Vec<String> = Vec::new();
            if let Some(condition) = join.get("condition") {
                conditions.push(self.expression(condition, stage, depth));
            }
            for condition in join.get("conditions").map(Node::items).unwrap_or_default() {
                conditions.push(self.expression(condition, stage, depth));
            }
            let strategy = join.get("strategy").and_then(Node::text).unwrap_or("left-join").replace('-', " ").to_uppercase();
            sql.push_str(&format!(
                "\n{strategy} {relation} AS {} ON {}",
                quote(self.dialect, alias),
                if conditions.is_empty() { "TRUE".to_owned() } else { conditions.join(" AND ") }
            ));
        }
        sql
    }

    /// The SELECT list.
    fn columns<'n>(&mut self, query: &'n Node, stage: &mut Stage<'n>, depth: u32) -> Vec<String> {
        let mut columns = Vec::new();
        let mut taken = BTreeSet::new();
        let mut add = |columns: &mut Vec<String>, dialect, sql: String, name: &str| {
            let mut unique = name.to_owned();
            let mut number = 2;
            while !taken.insert(unique.to_lowercase()) {
                unique = format!("{name}_{number}");
                number += 1;
            }
            columns.push(format!("{sql} AS {}", quote(dialect, &unique)));
        };
        let dialect = self.dialect;
        for node in clauses(query, "breakout") {
            let name = self.name_of(node).unwrap_or_else(|| "breakout".to_owned());
            let sql = self.expression(node, stage, depth);
            add(&mut columns, dialect, sql, &name);
        }
        for (name, node) in stage.aggregations.clone() {
            let sql = self.expression(node, stage, depth);
            add(&mut columns, dialect, sql, &name);
        }
        if !columns.is_empty() {
            return columns;
        }
        for node in clauses(query, "fields") {
            let name = self.name_of(node).unwrap_or_else(|| "field".to_owned());
            let sql = self.expression(node, stage, depth);
            add(&mut columns, dialect, sql, &name);
        }
        if columns.is_empty() {
            columns.push("source.*".to_owned());
        }
        for (name, node) in stage.expressions.clone() {
            let sql = self.expression(node, stage, depth);
            add(&mut columns, dialect, sql, &name);
        }
        for join in query.get("joins").map(Node::items).unwrap_or_default() {
            let alias = join.get("alias").and_then(Node::text).unwrap_or("joined");
            match join.get("fields") {
                Some(fields) if fields.text() == Some("all") => columns.push(format!("{}.*", quote(dialect, alias))),
                Some(fields) => {
                    for node in fields.items() {
                        let name = self.name_of(node).unwrap_or_else(|| "field".to_owned());
                        let sql = self.expression(node, stage, depth);
                        add(&mut columns, dialect, sql, &name);
                    }
                }
                None => {}
            }
        }
        columns
    }

    /// The SQL of a clause, a list of them or a literal.
    fn expression<'n>(&mut self, node: &'n Node, stage: &mut Stage<'n>, depth: u32) -> String {
        if depth > DEEPEST {
            return "NULL".to_owned();
        }
        if let Some(text) = node.text() {
            let is_word = matches!(&node.value, Value::Scalar { plain: true, .. });
            return if is_word { text.to_owned() } else { format!("'{}'", text.replace(['\'', '\\', '\n'], " ")) };
        }
        let Some(clause) = Clause::of(node) else {
            let items: Vec<String> = node.items().iter().map(|item| self.expression(item, stage, depth + 1)).collect();
            return if items.is_empty() { "NULL".to_owned() } else { format!("({})", items.join(", ")) };
        };
        match clause.op {
            "field" | "field-id" | "field-literal" | "joined-field" | "fk->" | "datetime-field" => {
                self.field(&clause, stage, depth)
            }
            "expression" => {
                let name = clause.arguments.first().and_then(|name| name.text()).unwrap_or_default();
                match stage.expressions.iter().find(|(own, _)| own == name).map(|(_, node)| *node) {
                    Some(node) => format!("({})", self.expression(node, stage, depth + 1)),
                    None => format!("source.{}", quote(self.dialect, name)),
                }
            }
            "aggregation" => {
                let at = clause.arguments.first().and_then(|at| at.text()).and_then(|at| at.parse::<usize>().ok()).unwrap_or(0);
                match stage.aggregations.get(at).map(|(_, node)| *node) {
                    Some(node) => self.expression(node, stage, depth + 1),
                    None => "NULL".to_owned(),
                }
            }
            "aggregation-options" => {
                clause.arguments.first().map_or_else(|| "NULL".to_owned(), |inner| self.expression(inner, stage, depth + 1))
            }
            "metric" => {
                let id = clause.arguments.first().and_then(|id| id.text()).unwrap_or_default().to_owned();
                let name = self.card(&id, node.line);
                format!("(SELECT MAX({name}) FROM {name})")
            }
            "case" | "if" => self.case(&clause, stage, depth),
            op => {
                let arguments: Vec<String> =
                    clause.arguments.iter().map(|argument| self.expression(argument, stage, depth + 1)).collect();
                write_call(op, &arguments)
            }
        }
    }

    fn case<'n>(&mut self, clause: &Clause<'n>, stage: &mut Stage<'n>, depth: u32) -> String {
        let mut sql = "CASE".to_owned();
        for pair in clause.arguments.first().map(|pairs| pairs.items()).unwrap_or_default() {
            if let [condition, value] = pair.items() {
                let (condition, value) = (self.expression(condition, stage, depth + 1), self.expression(value, stage, depth + 1));
                sql.push_str(&format!(" WHEN {condition} THEN {value}"));
            }
        }
        let default = clause.options.and_then(|options| options.get("default")).or(clause.arguments.get(1).copied());
        if let Some(default) = default {
            sql.push_str(&format!(" ELSE {}", self.expression(default, stage, depth + 1)));
        }
        format!("{sql} END")
    }

    fn field<'n>(&mut self, clause: &Clause<'n>, stage: &mut Stage<'n>, depth: u32) -> String {
        match (clause.op, clause.arguments.as_slice()) {
            ("datetime-field", [inner, ..]) => return format!("DATE_TRUNC({})", self.expression(inner, stage, depth + 1)),
            ("fk->", [_, inner]) => return self.expression(inner, stage, depth + 1),
            ("joined-field", [alias, inner]) => {
                let name = self.name_of(inner).unwrap_or_default();
                return format!("{}.{}", quote(self.dialect, alias.text().unwrap_or_default()), quote(self.dialect, &name));
            }
            _ => {}
        }
        let Some(reference) = clause.arguments.first() else { return "NULL".to_owned() };
        let Some(name) = self.field_name(reference) else {
            let message = "a field is read that no database of the export holds; export `/api/database/…/metadata` along";
            self.notes.push((reference.line, Diagnostic::new(&UNKNOWN_DEFINITION, message, Span::default())));
            return "NULL".to_owned();
        };
        let table =
            reference.text().and_then(|id| self.export.fields.get(id)).map(|(table, _)| table.clone()).unwrap_or_default();
        let alias = match (clause.option("join-alias"), clause.options.and_then(|options| options.get("source-field"))) {
            (Some(alias), _) => quote(self.dialect, alias),
            (None, Some(key)) if !table.is_empty() && table != stage.table => self.join_by_key(key, &table, stage),
            _ => stage.source.clone(),
        };
        let column = format!("{alias}.{}", quote(self.dialect, &name));
        match clause.option("temporal-unit").filter(|unit| *unit != "default") {
            Some(unit) => format!("DATE_TRUNC('{unit}', {column})"),
            None => column,
        }
    }

    /// A table that a foreign key leads to.
    fn join_by_key(&mut self, key: &Node, table: &str, stage: &mut Stage<'_>) -> String {
        let alias = format!("linked_{table}");
        if stage.implicit.iter().all(|(known, ..)| *known != alias) {
            let name = self.field_name(key).unwrap_or_default();
            let column = format!("{}.{}", stage.source, quote(self.dialect, &name));
            stage.implicit.push((alias.clone(), table.to_owned(), column));
        }
        alias
    }

    /// The name of the column that a reference means: an id, a name, or a path that ends in it.
    fn field_name(&self, reference: &Node) -> Option<String> {
        if let [.., last] = reference.items() {
            return last.text().map(str::to_owned);
        }
        let text = reference.text()?;
        if let Some((_, name)) = self.export.fields.get(text) {
            return Some(name.clone());
        }
        text.parse::<u64>().is_err().then(|| text.to_owned())
    }

    /// The name of the column of a field clause, quoted.
    pub(super) fn column_name(&self, node: &Node) -> Option<String> {
        self.name_of(node).map(|name| quote(self.dialect, &name))
    }

    /// What a clause is called in the result.
    fn name_of(&self, node: &Node) -> Option<String> {
        let clause = Clause::of(node)?;
        match clause.op {
            "field" | "field-id" | "field-literal" => self.field_name(clause.arguments.first()?),
            "expression" => clause.arguments.first()?.text().map(str::to_owned),
            "joined-field" | "fk->" => self.name_of(clause.arguments.get(1)?),
            "datetime-field" => self.name_of(clause.arguments.first()?),
            _ => None,
        }
    }

    fn name_aggregation(&self, node: &Node) -> String {
        let Some(clause) = Clause::of(node) else { return "aggregation".to_owned() };
        if let Some(name) = clause.option("name") {
            return name.to_owned();
        }
        match clause.op {
            "aggregation-options" => {
                clause.arguments.first().map_or_else(|| "aggregation".to_owned(), |inner| self.name_aggregation(inner))
            }
            "distinct" | "count-where" | "cum-count" => "count".to_owned(),
            "sum-where" | "cum-sum" => "sum".to_owned(),
            "+" | "-" | "*" | "/" => "expression".to_owned(),
            op => op.replace('-', "_"),
        }
    }
}

/// The columns of a card, as far as its query names them all.
pub(super) fn columns_of(export: &Export<'_>, card: &Node, depth: u32) -> Vec<String> {
    let Some(query) = card.get("dataset_query") else { return Vec::new() };
    let stages = query.get("stages").map(Node::items).unwrap_or_default();
    let Some(last) = query.get("query").or(stages.last().map(|stage| stage.as_ref())) else { return Vec::new() };
    let source = last.get("source-table").and_then(Node::text).and_then(|table| table.strip_prefix("card__"));
    let card = source.or(last.get("source-card").and_then(Node::text));
    if is_bare(last)
        && let Some(card) = card
    {
        return export.columns_of(card, depth);
    }
    Vec::new()
}

/// Whether a stage hands on what it is over, every column as it is.
fn is_bare(stage: &Node) -> bool {
    ["joins", "expressions", "fields", "aggregation", "breakout"].iter().all(|key| stage.get(key).is_none())
}

/// Expressions with their names: a mapping in version 4, options in version 5.
fn named<'n>(node: Option<&'n Node>, key: &str) -> Vec<(String, &'n Node)> {
    let Some(node) = node else { return Vec::new() };
    if let Value::Map(_) = node.value {
        return node.entries().map(|(_, name, node)| (name.to_owned(), node)).collect();
    }
    let name = |node: &Node| Clause::of(node).and_then(|clause| clause.option(key).map(str::to_owned));
    node.items().iter().filter_map(|item| Some((name(item)?, item.as_ref()))).collect()
}

fn clauses<'n>(query: &'n Node, key: &str) -> Vec<&'n Node> {
    query.get(key).map(Node::items).unwrap_or_default().iter().map(|node| node.as_ref()).collect()
}

/// `filter` of version 4, `filters` of version 5.
fn filters(query: &Node) -> Vec<&Node> {
    let mut filters: Vec<&Node> = query.get("filter").into_iter().collect();
    filters.extend(clauses(query, "filters"));
    filters
}

fn quote_parts(query: &Query<'_>, schema: &str) -> String {
    schema.split('.').map(|part| quote(query.dialect, part)).collect::<Vec<_>>().join(".")
}

/// A call as SQL: operators as such, aggregates by their own names, everything else as a function.
fn write_call(op: &str, arguments: &[String]) -> String {
    let joined = |between: &str| format!("({})", arguments.join(between));
    let first = arguments.first().map_or("*", String::as_str);
    match (op, arguments) {
        ("and" | "or", _) => joined(&format!(" {} ", op.to_uppercase())),
        ("+" | "-" | "*" | "/", [_, _, ..]) => joined(&format!(" {op} ")),
        ("=", [one, other]) => format!("{one} = {other}"),
        ("!=", [one, other]) => format!("{one} <> {other}"),
        ("<" | ">" | "<=" | ">=", [one, other]) => format!("{one} {op} {other}"),
        ("=" | "in", [one, others @ ..]) => format!("{one} IN ({})", others.join(", ")),
        ("!=" | "not-in", [one, others @ ..]) => format!("{one} NOT IN ({})", others.join(", ")),
        ("between", [one, low, high]) => format!("{one} BETWEEN {low} AND {high}"),
        ("is-null" | "is-empty", [one]) => format!("{one} IS NULL"),
        ("not-null" | "not-empty", [one]) => format!("{one} IS NOT NULL"),
        ("not", [one]) => format!("NOT ({one})"),
        ("count", _) => format!("COUNT({first})"),
        ("distinct", _) => format!("COUNT(DISTINCT {first})"),
        ("cum-sum", _) => format!("SUM({first})"),
        ("cum-count", _) => format!("COUNT({first})"),
        ("sum" | "avg" | "min" | "max" | "stddev" | "median" | "var", [one]) => format!("{}({one})", op.to_uppercase()),
        ("sum-where", [one, condition]) => format!("SUM(CASE WHEN {condition} THEN {one} END)"),
        ("distinct-where", [one, condition]) => format!("COUNT(DISTINCT CASE WHEN {condition} THEN {one} END)"),
        ("count-where", [condition]) => format!("COUNT(CASE WHEN {condition} THEN 1 END)"),
        ("share", [condition]) => format!("AVG(CASE WHEN {condition} THEN 1 ELSE 0 END)"),
        ("percentile", [one, part]) => format!("PERCENTILE_CONT({one}, {part})"),
        ("coalesce" | "concat" | "upper" | "lower" | "round" | "abs" | "ceil" | "floor" | "substring" | "trim", _) => {
            format!("{}({})", op.to_uppercase(), arguments.join(", "))
        }
        _ => format!("metabase_{}({})", op.replace(|letter: char| !letter.is_ascii_alphanumeric(), "_"), arguments.join(", ")),
    }
}
