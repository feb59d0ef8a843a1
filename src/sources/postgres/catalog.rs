//! What the system catalogs say (catalogs.html): tables, views, functions, columns, comments.

use std::collections::HashMap;

use sqlx::postgres::PgConnection;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ObjectKind {
    /// A table, partitioned or foreign ones among them.
    Table,
    /// A view, materialized ones among them.
    View,
    /// A function or procedure in SQL.
    Function,
}

/// A column as the server declares it.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    /// As `format_type` writes it.
    pub(super) data_type: String,
    pub(super) comment: Option<String>,
}

/// An object that somebody made.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) kind: ObjectKind,
    pub(super) schema: String,
    pub(super) name: String,
    /// What tells it from others of its name: the argument types of a function.
    pub(super) arguments: Option<String>,
    pub(super) comment: Option<String>,
    /// In order.
    pub(super) columns: Vec<Column>,
    /// A statement that creates it.
    pub(super) definition: Option<String>,
}

impl Object {
    /// The path that stands for it in the reading.
    pub(super) fn path(&self) -> String {
        let plain = |name: &str| name.replace(['/', '\\', '\0', '#'], "_");
        let (schema, name) = (plain(&self.schema), plain(&self.name));
        match &self.arguments {
            Some(arguments) => format!("{schema}/{name}({}).sql", plain(arguments)),
            None => format!("{schema}/{name}.sql"),
        }
    }

    /// Everything that is read of it, in one text.
    pub(super) fn fingerprint(&self) -> String {
        format!("{self:?}")
    }
}

/// Relations that people made: none of the system, of extensions, of one session, and no single partitions.
/// Definitions come with every name in full, because the connection's search path is empty.
const RELATIONS: &str = "
    SELECT c.oid::int8 AS id, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind,
        obj_description(c.oid, 'pg_class') AS comment,
        CASE WHEN c.relkind IN ('v', 'm') THEN
            format('CREATE %s %I.%I AS%s%s', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END,
                n.nspname, c.relname, chr(10), pg_get_viewdef(c.oid, true))
        END AS definition
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND NOT c.relispartition
        AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    ORDER BY 2, 3";

const COLUMNS: &str = "
    SELECT a.attrelid::int8 AS id, a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS data_type,
        col_description(a.attrelid, a.attnum) AS comment
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped
        AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
    ORDER BY a.attrelid, a.attnum";

const FUNCTIONS: &str = "
    SELECT n.nspname::text AS schema, p.proname::text AS name, pg_get_function_identity_arguments(p.oid) AS arguments,
        obj_description(p.oid, 'pg_proc') AS comment, pg_get_functiondef(p.oid) AS definition
    FROM pg_proc p
    JOIN pg_namespace n ON n.oid = p.pronamespace
    JOIN pg_language l ON l.oid = p.prolang
    WHERE l.lanname IN ('sql', 'plpgsql') AND p.prokind IN ('f', 'p')
        AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
    ORDER BY 1, 2, 3";

/// (number, schema, name, kind, comment, definition).
type RelationRow = (i64, String, String, String, Option<String>, Option<String>);
/// (number of the relation, name, type, comment).
type ColumnRow = (i64, String, String, Option<String>);
/// (schema, name, arguments, comment, definition).
type FunctionRow = (String, String, String, Option<String>, String);

/// Every object that somebody made, sorted by schema and name; functions last.
pub(super) async fn read_objects(connection: &mut PgConnection) -> Result<Vec<Object>, sqlx::Error> {
    let relations: Vec<RelationRow> = sqlx::query_as(RELATIONS).fetch_all(&mut *connection).await?;
    let columns: Vec<ColumnRow> = sqlx::query_as(COLUMNS).fetch_all(&mut *connection).await?;
    let functions: Vec<FunctionRow> = sqlx::query_as(FUNCTIONS).fetch_all(&mut *connection).await?;
    let mut of: HashMap<i64, Vec<Column>> = HashMap::new();
    for (id, name, data_type, comment) in columns {
        of.entry(id).or_default().push(Column { name, data_type, comment });
    }
    let relations = relations.into_iter().map(|(id, schema, name, kind, comment, definition)| Object {
        kind: if matches!(kind.as_str(), "v" | "m") { ObjectKind::View } else { ObjectKind::Table },
        schema,
        name,
        arguments: None,
        comment,
        columns: of.remove(&id).unwrap_or_default(),
        definition,
    });
    let mut objects: Vec<Object> = relations.collect();
    objects.extend(functions.into_iter().map(|(schema, name, arguments, comment, definition)| Object {
        kind: ObjectKind::Function,
        schema,
        name,
        arguments: Some(arguments),
        comment,
        columns: Vec::new(),
        definition: Some(definition),
    }));
    Ok(objects)
}
