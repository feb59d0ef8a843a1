//! Random SELECTs, and scripts that fill a table, over a fixed schema, in constructs that SQLite runs.
//!
//! Every table stands in the text as a place (`{0}`, `{1}`, …) and always has an alias, so that the
//! same query runs over any variant of its tables.

use crate::choices::Choices;

/// The tables: columns of each. All hold small integers and NULL.
pub(super) const TABLES: &[&[&str]] = &[&["id", "a", "b", "c"], &["id", "d", "e"], &["id", "a", "f", "g"]];

/// A query and the names of its columns, which are all different.
pub(super) struct Query {
    /// Statements that run before it and make the table that it reads.
    pub(super) setup: Vec<String>,
    pub(super) sql: String,
    pub(super) columns: Vec<Column>,
}

/// Something in FROM: how it is called, and its columns.
#[derive(Clone)]
struct Input {
    alias: String,
    columns: Vec<Column>,
}

/// A column: its name, and whether it holds what a table's column holds, so that comparing it tells
/// rows apart.
#[derive(Clone)]
pub(super) struct Column {
    pub(super) name: String,
    plain: bool,
}

struct Generator {
    choices: Choices,
    /// Makes names unique.
    names: usize,
    /// CTEs in sight.
    ctes: Vec<Input>,
    /// How many SELECTs may still be opened.
    budget: usize,
    /// How many joins may still be made.
    joins: usize,
    /// Inside a CTE or derived table, whose columns the query around need not use.
    inside: bool,
}

/// The query of `seed`.
pub(super) fn generate(seed: u64) -> Query {
    let mut generator = Generator { choices: Choices::new(seed), names: 0, ctes: Vec::new(), budget: 4, joins: 4, inside: false };
    if generator.choices.chance(12) {
        return generator.script();
    }
    let mut text = String::new();
    if generator.choices.chance(35) {
        let count = 1 + generator.choices.below(2);
        let mut parts = Vec::new();
        for _ in 0..count {
            generator.inside = true;
            let query = generator.query(false);
            generator.inside = false;
            let name = generator.fresh("w");
            if generator.choices.chance(30) {
                let columns: Vec<Column> =
                    query.columns.iter().map(|column| Column { name: generator.fresh("k"), plain: column.plain }).collect();
                let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
                parts.push(format!("{name} ({}) AS ({})", names.join(", "), query.sql));
                generator.ctes.push(Input { alias: name, columns });
            } else {
                parts.push(format!("{name} AS ({})", query.sql));
                generator.ctes.push(Input { alias: name, columns: query.columns });
            }
        }
        text = format!("WITH {} ", parts.join(", "));
        generator.budget = generator.budget.max(2);
    }
    let query = generator.query(true);
    Query { setup: Vec::new(), sql: format!("{text}{}", query.sql), columns: query.columns }
}

impl Generator {
    fn fresh(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }

    fn fresh_column(&mut self, plain: bool) -> Column {
        Column { name: self.fresh("o"), plain }
    }

    /// A SELECT or a set operation.
    fn query(&mut self, top: bool) -> Query {
        self.budget = self.budget.saturating_sub(1);
        if self.budget > 0 && self.choices.chance(15) {
            return self.set_operation();
        }
        self.select(None, top)
    }

    /// EXCEPT and INTERSECT only over plain columns: others would hardly ever be equal.
    fn set_operation(&mut self) -> Query {
        let operator = *self.choices.pick(&["UNION ALL", "UNION ALL", "UNION", "EXCEPT", "INTERSECT"]);
        let width = 1 + self.choices.below(if operator.starts_with("UNION") { 3 } else { 2 });
        let (first, second) = if operator.starts_with("UNION") {
            (self.select(Some(width), false), self.select(Some(width), false))
        } else {
            let table = self.choices.below(TABLES.len());
            let other = (table + 1 + self.choices.below(TABLES.len() - 1)) % TABLES.len();
            (self.plain_select(table, width), self.plain_select(other, width))
        };
        let columns = first.columns.iter().zip(&second.columns);
        let columns = columns.map(|(mine, theirs)| Column { plain: mine.plain && theirs.plain, ..mine.clone() }).collect();
        Query { setup: Vec::new(), sql: format!("{} {operator} {}", first.sql, second.sql), columns }
    }

    fn plain_select(&mut self, table: usize, width: usize) -> Query {
        let (text, input) = self.table(table);
        let start = self.choices.below(input.columns.len() - width + 1);
        let columns: Vec<Column> = (0..width).map(|_| self.fresh_column(true)).collect();
        let items: Vec<String> = columns
            .iter()
            .zip(&input.columns[start..])
            .map(|(column, source)| format!("{}.{} AS {}", input.alias, source.name, column.name))
            .collect();
        Query { setup: Vec::new(), sql: format!("SELECT {} FROM {text}", items.join(", ")), columns }
    }

    fn select(&mut self, width: Option<usize>, may_limit: bool) -> Query {
        let (from, inputs) = self.from();
        let filter = if self.choices.chance(40) { self.condition(&inputs, 1) } else { None };
        let filter = filter.map(|test| format!(" WHERE {test}")).unwrap_or_default();
        let width = width.unwrap_or_else(|| 1 + self.choices.below(4));
        let keyed = !self.inside || self.plain_column(&inputs).is_some();
        // Rows that a join adds are seen where a second column counts them.
        let keyed = keyed && (width > 1 || !from.contains("JOIN"));
        if keyed && self.choices.chance(30) && !from.contains("CROSS JOIN") && !from.contains(", {") && !from.contains(", (") {
            return self.grouped(&format!("{from}{filter}"), &inputs, width);
        }
        if self.choices.chance(15) && inputs.len() == 1 && inputs[0].columns.len() == width {
            let star = if self.choices.chance(50) { "*".to_owned() } else { format!("{}.*", inputs[0].alias) };
            return Query {
                setup: Vec::new(),
                sql: format!("SELECT {star} FROM {from}{filter}"),
                columns: inputs[0].columns.clone(),
            };
        }
        let distinct = self.choices.chance(12) && inputs.len() == 1;
        let mut items = Vec::new();
        let mut columns = Vec::new();
        for _ in 0..width {
            let (item, plain) = if !distinct && self.choices.chance(12) {
                (self.window(&inputs), false)
            } else if self.choices.chance(40) {
                self.any_column(&inputs)
            } else {
                (self.expression(&inputs, 2), false)
            };
            let column = self.fresh_column(plain);
            items.push(format!("{item} AS {}", column.name));
            columns.push(column);
        }
        // Ordered by every column, so that ties are equal rows.
        let limit = if may_limit && inputs.len() == 1 && self.choices.chance(25) {
            let by: Vec<String> = (1..=width).map(|at| at.to_string()).collect();
            format!(" ORDER BY {} LIMIT {}", by.join(", "), 3 + self.choices.below(3))
        } else {
            String::new()
        };
        let distinct = if distinct { "DISTINCT " } else { "" };
        Query { setup: Vec::new(), sql: format!("SELECT {distinct}{} FROM {from}{filter}{limit}", items.join(", ")), columns }
    }

    fn grouped(&mut self, from: &str, inputs: &[Input], width: usize) -> Query {
        let fewest = usize::from(self.inside);
        let count = fewest + self.choices.below(3 - fewest);
        let mut keys: Vec<String> = (0..count).filter_map(|_| self.plain_column(inputs)).collect();
        if keys.is_empty() && self.inside {
            keys.push(self.column(inputs));
        }
        keys.dedup();
        keys.truncate(width);
        let mut items: Vec<(String, bool)> = keys.iter().map(|key| (key.clone(), true)).collect();
        // Rows that a join adds are seen where something counts them.
        if from.contains("JOIN") && items.len() < width {
            items.push(("(count(*) + 200)".to_owned(), false));
        }
        while items.len() < width {
            items.push((self.aggregate(inputs, &keys), false));
        }
        let columns: Vec<Column> = items.iter().map(|(_, plain)| self.fresh_column(*plain)).collect();
        let list: Vec<String> =
            items.iter().zip(&columns).map(|((item, _), column)| format!("{item} AS {}", column.name)).collect();
        let mut text = format!("SELECT {} FROM {from}", list.join(", "));
        if !keys.is_empty() {
            let by: Vec<String> = keys
                .iter()
                .enumerate()
                .map(|(at, key)| if self.choices.chance(30) { (at + 1).to_string() } else { key.clone() })
                .collect();
            text.push_str(&format!(" GROUP BY {}", by.join(", ")));
            if self.choices.chance(30) {
                let test = match self.plain_column(inputs).filter(|column| !is_among(column, &keys)) {
                    Some(column) => format!("max({column}) > {}", 1 + self.choices.below(3)),
                    None => "count(*) > 1".to_owned(),
                };
                text.push_str(&format!(" HAVING {test}"));
            }
        }
        Query { setup: Vec::new(), sql: text, columns }
    }

    fn from(&mut self) -> (String, Vec<Input>) {
        let (mut text, first) = self.factor();
        let mut inputs = vec![first];
        // Products of many tables take long and hide what one value does.
        let more = [0, 0, 0, 1, 1, 2][self.choices.below(6)].min(self.joins);
        for _ in 0..more {
            self.joins = self.joins.saturating_sub(1);
            let (right, input) = self.factor();
            let before = inputs.clone();
            inputs.push(input.clone());
            let keys = (self.plain_qualified(&before), self.plain_qualified(std::slice::from_ref(&input)));
            let (Some(left_key), Some(right_key)) = keys else {
                inputs.pop();
                continue;
            };
            let merges = has(&before, "id") == 1 && has(std::slice::from_ref(&input), "id") == 1;
            let kind = *self.choices.pick(&["JOIN", "JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]);
            match self.choices.below(8) {
                0 if !self.inside => text.push_str(&format!(" CROSS JOIN {right}")),
                1 if merges => text.push_str(&format!(" {kind} {right} USING (id)")),
                2 if before.len() == 1 && !self.inside => text = format!("{text}, {right}"),
                3 => text.push_str(&format!(" {kind} {right} ON {left_key} <= {right_key}")),
                _ => text.push_str(&format!(" {kind} {right} ON {left_key} = {right_key}")),
            }
        }
        (text, inputs)
    }

    fn factor(&mut self) -> (String, Input) {
        if self.budget > 0 && self.choices.chance(25) {
            let outside = std::mem::replace(&mut self.inside, true);
            let query = self.query(false);
            self.inside = outside;
            let alias = self.fresh("s");
            return (format!("({}) AS {alias}", query.sql), Input { alias, columns: query.columns });
        }
        if !self.ctes.is_empty() && self.choices.chance(50) {
            let cte = self.choices.below(self.ctes.len());
            let cte = self.ctes[cte].clone();
            let alias = self.fresh("r");
            return (format!("{} AS {alias}", cte.alias), Input { alias, columns: cte.columns });
        }
        let table = self.choices.below(TABLES.len());
        self.table(table)
    }

    fn table(&mut self, table: usize) -> (String, Input) {
        let alias = self.fresh("t");
        let columns = TABLES[table].iter().map(|column| Column { name: (*column).to_owned(), plain: true }).collect();
        (format!("{{{table}}} AS {alias}"), Input { alias, columns })
    }

    /// Any column and whether it is plain, qualified unless its name is the only such one.
    fn any_column(&mut self, inputs: &[Input]) -> (String, bool) {
        let input = &inputs[self.choices.below(inputs.len())];
        let column = &input.columns[self.choices.below(input.columns.len())];
        let bare = has(inputs, &column.name) == 1 && self.choices.chance(40);
        let text = if bare { column.name.clone() } else { format!("{}.{}", input.alias, column.name) };
        (text, column.plain)
    }

    fn column(&mut self, inputs: &[Input]) -> String {
        self.any_column(inputs).0
    }

    fn plain_column(&mut self, inputs: &[Input]) -> Option<String> {
        (0..4).find_map(|_| Some(self.any_column(inputs)).filter(|(_, plain)| *plain)).map(|(text, _)| text)
    }

    fn plain_qualified(&mut self, inputs: &[Input]) -> Option<String> {
        (0..4).find_map(|_| {
            let input = &inputs[self.choices.below(inputs.len())];
            let column = &input.columns[self.choices.below(input.columns.len())];
            column.plain.then(|| format!("{}.{}", input.alias, column.name))
        })
    }

    fn expression(&mut self, inputs: &[Input], depth: usize) -> String {
        if depth == 0 || self.choices.chance(25) {
            return self.column(inputs);
        }
        let Some(plain) = self.plain_column(inputs) else {
            return format!("({} + 20)", self.column(inputs));
        };
        match self.choices.below(14) {
            0 | 1 => {
                let operator = *self.choices.pick(&["+", "-", "*"]);
                format!("({} {operator} {})", self.expression(inputs, depth - 1), 20 + self.choices.below(10))
            }
            2 => format!("({} * 10 + {})", self.expression(inputs, depth - 1), self.column(inputs)),
            3 => {
                let (test, value, other) = (self.test(inputs, plain), self.column(inputs), self.literal());
                format!("CASE WHEN {test} THEN {value} ELSE {other} END")
            }
            4 => {
                let (value, then, other) = (self.choices.below(4), self.literal(), self.column(inputs));
                format!("CASE {plain} WHEN {value} THEN {then} ELSE {other} END")
            }
            // Where a condition holds, `plain` may never be NULL.
            5 => format!("coalesce(nullif({plain}, {}), {})", self.choices.below(4), self.other_than(&plain, inputs)),
            6 => format!("nullif({plain}, {})", self.choices.below(4)),
            7 => format!("iif({}, {}, {})", self.test(inputs, plain), self.column(inputs), self.literal()),
            8 => format!("('x' || CAST({} AS TEXT))", self.expression(inputs, depth - 1)),
            9 => format!("({} || '-' || {})", self.column(inputs), self.column(inputs)),
            10 => format!("({plain} IS NULL)"),
            11 => format!("({plain} > {})", self.choices.below(4)),
            12 if self.budget > 0 => self.scalar_subquery(&plain),
            _ => format!("(- {})", self.column(inputs)),
        }
    }

    /// A column that is not called like `plain`, or a literal.
    fn other_than(&mut self, plain: &str, inputs: &[Input]) -> String {
        let other = (0..4).map(|_| self.column(inputs)).find(|column| last_part(column) != last_part(plain));
        other.unwrap_or_else(|| self.literal())
    }

    fn literal(&mut self) -> String {
        (90 + self.choices.below(10)).to_string()
    }

    fn scalar_subquery(&mut self, outer_key: &str) -> String {
        self.budget = self.budget.saturating_sub(1);
        let (alias, value, key, table) = self.inner();
        let outer_key = if outer_key.contains('.') { outer_key.to_owned() } else { format!("({outer_key})") };
        let aggregate = *self.choices.pick(&["max", "sum", "count"]);
        format!("(SELECT {aggregate}({alias}.{value}) FROM {{{table}}} AS {alias} WHERE {alias}.{key} = {outer_key})")
    }

    /// A table for a subquery: its alias, two of its columns, and which it is.
    fn inner(&mut self) -> (String, &'static str, &'static str, usize) {
        let table = self.choices.below(TABLES.len());
        let first = self.choices.below(TABLES[table].len());
        let second = (first + 1 + self.choices.below(TABLES[table].len() - 1)) % TABLES[table].len();
        (self.fresh("q"), TABLES[table][first], TABLES[table][second], table)
    }

    /// A test of one plain column that is true of some rows and not of others.
    fn test(&mut self, inputs: &[Input], plain: String) -> String {
        let number = 1 + self.choices.below(3);
        match self.choices.below(6) {
            0 => format!("{plain} >= {number}"),
            1 => format!("{plain} <> {number}"),
            2 => format!("{plain} IN (0, {number})"),
            3 => format!("{plain} BETWEEN 1 AND {}", number + 1),
            4 => match self.plain_column(inputs) {
                Some(other) if last_part(&other) != last_part(&plain) => format!("{plain} < {other}"),
                _ => format!("{plain} < {number}"),
            },
            _ => format!("{plain} IS NOT NULL"),
        }
    }

    fn condition(&mut self, inputs: &[Input], depth: usize) -> Option<String> {
        let plain = self.plain_column(inputs)?;
        Some(match self.choices.below(if depth > 0 { 10 } else { 5 }) {
            5 => {
                let other = self.condition(inputs, depth - 1)?;
                format!("({} OR {other})", self.test(inputs, plain))
            }
            6 => format!("NOT ({plain} = {})", 1 + self.choices.below(3)),
            7 if self.budget > 0 => {
                self.budget -= 1;
                let outer = self.plain_qualified(inputs)?;
                let (alias, key, _, table) = self.inner();
                let not = if self.choices.chance(30) { "NOT " } else { "" };
                format!("{not}EXISTS (SELECT 1 FROM {{{table}}} AS {alias} WHERE {alias}.{key} = {outer})")
            }
            8 => {
                let (alias, column, _, table) = self.inner();
                format!("{plain} IN (SELECT {alias}.{column} FROM {{{table}}} AS {alias})")
            }
            _ => self.test(inputs, plain),
        })
    }

    fn aggregate(&mut self, inputs: &[Input], keys: &[String]) -> String {
        let is_key = |column: &String| is_among(column, keys);
        let column = (0..4).map(|_| self.column(inputs)).find(|column| !is_key(column));
        let (Some(column), Some(plain)) = (column, self.plain_column(inputs).filter(|column| !is_key(column))) else {
            return "(count(*) + 200)".to_owned();
        };
        match self.choices.below(8) {
            0 => "(count(*) + 200)".to_owned(),
            1 => format!("count({plain})"),
            2 => format!("count(DISTINCT {plain})"),
            3 => format!("min({plain})"),
            4 => format!("sum({column}) FILTER (WHERE {})", self.test(inputs, plain)),
            5 => format!("sum(CASE WHEN {} THEN {column} ELSE 0 END)", self.test(inputs, plain)),
            6 => format!("avg({plain} * 10 + 3)"),
            _ => format!("sum({column})"),
        }
    }

    /// Only functions that treat equal sort keys alike.
    fn window(&mut self, inputs: &[Input]) -> String {
        let (Some(partition), Some(order)) = (self.plain_column(inputs), self.plain_column(inputs)) else {
            return self.column(inputs);
        };
        let value = self.column(inputs);
        match self.choices.below(4) {
            0 if last_part(&partition) != last_part(&order) => {
                format!("rank() OVER (PARTITION BY {partition} ORDER BY {order})")
            }
            1 => format!("sum({value}) OVER (PARTITION BY {partition})"),
            2 => format!("dense_rank() OVER (ORDER BY {order})"),
            _ => format!("sum({value}) OVER (ORDER BY {order})"),
        }
    }
}

impl Generator {
    /// A temporary table that several statements fill and change, and all of it read.
    fn script(&mut self) -> Query {
        let (mut setup, columns) = if self.choices.chance(40) { self.upserted() } else { self.changed() };
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let sql = format!("SELECT {} FROM made", names.join(", "));
        setup.retain(|statement| !statement.is_empty());
        Query { setup, sql, columns }
    }

    /// Rows of one key each, and rows of another table on top of them.
    fn upserted(&mut self) -> (Vec<String>, Vec<Column>) {
        let columns = ["k", "v", "w"].map(|name| Column { name: name.to_owned(), plain: true }).to_vec();
        let (first, value, key, table) = self.inner();
        let (second, other, other_key, other_table) = self.inner();
        let make = "CREATE TEMPORARY TABLE made (k, v, w, UNIQUE (k))".to_owned();
        let fill = format!(
            "INSERT INTO made (k, v, w) SELECT {first}.{key}, max({first}.{value}), 90 FROM {{{table}}} AS {first} GROUP BY {first}.{key}"
        );
        let set = *self.choices.pick(&[
            "v = excluded.v * 10 + made.v",
            "v = excluded.v",
            "w = excluded.v",
            "w = made.v, v = excluded.v",
            "v = coalesce(made.v, excluded.v)",
        ]);
        let condition = if self.choices.chance(30) { " WHERE made.v >= 2" } else { "" };
        let upsert = format!(
            "INSERT INTO made (k, v) SELECT {second}.{other_key}, max({second}.{other}) FROM {{{other_table}}} AS {second} \
             WHERE true GROUP BY {second}.{other_key} ON CONFLICT (k) DO UPDATE SET {set}{condition}"
        );
        (vec![make, fill, upsert], columns)
    }

    /// A query's rows, updated, deleted and added to.
    fn changed(&mut self) -> (Vec<String>, Vec<Column>) {
        self.inside = true;
        let query = self.query(false);
        self.inside = false;
        let mut setup = vec![format!("CREATE TEMPORARY TABLE made AS {}", query.sql)];
        for _ in 0..1 + self.choices.below(2) {
            let set = query.columns[self.choices.below(query.columns.len())].name.clone();
            let Some(plain) = query.columns.iter().find(|column| column.plain && column.name != set) else { continue };
            let plain = &plain.name;
            let number = 1 + self.choices.below(3);
            let (alias, value, key, table) = self.inner();
            setup.push(match self.choices.below(6) {
                0 => format!("UPDATE made SET {set} = {} WHERE {plain} >= {number}", 90 + number),
                1 => format!("UPDATE made SET {set} = {plain} * 20 WHERE {plain} <> {number}"),
                2 => format!(
                    "UPDATE made SET {set} = (SELECT max({alias}.{value}) FROM {{{table}}} AS {alias} WHERE {alias}.{key} = made.{plain})"
                ),
                3 => format!(
                    "UPDATE made SET {set} = s.top FROM (SELECT {alias}.{key} AS part, max({alias}.{value}) AS top \
                     FROM {{{table}}} AS {alias} GROUP BY {alias}.{key}) AS s WHERE s.part = made.{plain}"
                ),
                4 => format!("DELETE FROM made WHERE {plain} IN (SELECT {alias}.{value} FROM {{{table}}} AS {alias})"),
                _ => format!("INSERT INTO made ({set}) SELECT {alias}.{value} FROM {{{table}}} AS {alias} WHERE {alias}.{key} >= {number}"),
            });
        }
        (setup, query.columns)
    }
}

/// How many of the inputs have a column called `name`.
fn has(inputs: &[Input], name: &str) -> usize {
    inputs.iter().filter(|input| input.columns.iter().any(|column| column.name == name)).count()
}

/// Whether a column of that name is among the keys.
fn is_among(column: &str, keys: &[String]) -> bool {
    keys.iter().any(|key| last_part(key) == last_part(column))
}

/// The column of a name that may be qualified.
fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}
