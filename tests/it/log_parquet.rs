//! BigQuery's history of jobs as `EXPORT DATA … format = 'PARQUET'` writes it
//! (<https://cloud.google.com/bigquery/docs/exporting-data#parquet_export_details>): texts are STRING, times are
//! TIMESTAMP in microseconds, arrays are three-level lists. The file is written here.

use std::{fs::File, path::Path, sync::Arc};

use parquet::{
    data_type::{ByteArray, ByteArrayType, Int64Type},
    file::{
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::parser::parse_message_type,
};
use wellspring::{
    model::{LogEntry, LogFormat, LogSkip, NativeEdge},
    sources::query_log::{LogFile, LogRequest},
};

const SCHEMA: &str = "message jobs {
    optional int64 creation_time (TIMESTAMP(MICROS,true));
    optional int64 end_time (TIMESTAMP(MICROS,true));
    optional binary project_id (STRING);
    optional binary user_email (STRING);
    optional binary job_id (STRING);
    optional binary job_type (STRING);
    optional binary statement_type (STRING);
    optional binary query (STRING);
    optional binary state (STRING);
    optional int64 total_bytes_processed;
    optional group destination_table {
        optional binary project_id (STRING);
        optional binary dataset_id (STRING);
        optional binary table_id (STRING);
    }
    optional group referenced_tables (LIST) {
        repeated group list {
            optional group element {
                optional binary project_id (STRING);
                optional binary dataset_id (STRING);
                optional binary table_id (STRING);
            }
        }
    }
    optional group labels (LIST) {
        repeated group list {
            optional group element {
                optional binary key (STRING);
                optional binary value (STRING);
            }
        }
    }
}";

/// Two jobs: one that writes `mart.orders` from two tables, scheduled, and a question without either.
fn write_jobs(path: &Path) {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let properties = Arc::new(WriterProperties::builder().build());
    let mut file = SerializedFileWriter::new(File::create(path).unwrap(), schema, properties).unwrap();
    let mut rows = file.next_row_group().unwrap();
    let at = 1_795_161_600_000_000i64;
    write_numbers(&mut rows, &[at, at + 60_000_000], &[1, 1]);
    write_numbers(&mut rows, &[at + 5_000_000, at + 61_000_000], &[1, 1]);
    let plain: [[&str; 2]; 7] = [
        ["shop", "shop"],
        ["etl@shop.iam.gserviceaccount.com", "ana@example.com"],
        ["job_a", "job_b"],
        ["QUERY", "QUERY"],
        ["CREATE_TABLE_AS_SELECT", "SELECT"],
        [
            "create table mart.orders as select o.id from raw.orders o join raw.rates r on o.day = r.day",
            "select id from mart.orders",
        ],
        ["DONE", "DONE"],
    ];
    plain.iter().for_each(|values| write_texts(&mut rows, values, &[1, 1], None));
    write_numbers(&mut rows, &[1_048_576], &[1, 0]);
    ["shop", "mart", "orders"].iter().for_each(|part| write_texts(&mut rows, &[part], &[2, 0], None));
    // The first job reads two tables, the second none: its list is there and empty.
    for parts in [["shop", "shop"], ["raw", "raw"], ["orders", "rates"]] {
        write_texts(&mut rows, &parts, &[4, 4, 1], Some(&[0, 1, 0]));
    }
    write_texts(&mut rows, &["airflow-dag"], &[4, 0], Some(&[0, 0]));
    write_texts(&mut rows, &["nightly"], &[4, 0], Some(&[0, 0]));
    rows.close().unwrap();
    file.close().unwrap();
}

type Rows<'w> = SerializedRowGroupWriter<'w, File>;

fn write_numbers(rows: &mut Rows<'_>, values: &[i64], defined: &[i16]) {
    let mut column = rows.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(values, Some(defined), None).unwrap();
    column.close().unwrap();
}

fn write_texts(rows: &mut Rows<'_>, values: &[&str], defined: &[i16], repeated: Option<&[i16]>) {
    let values: Vec<ByteArray> = values.iter().map(|value| ByteArray::from(*value)).collect();
    let mut column = rows.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&values, Some(defined), repeated).unwrap();
    column.close().unwrap();
}

fn read(path: &Path, each: &mut dyn FnMut(Result<LogEntry<'_>, LogSkip>)) -> LogFile {
    let mut file = LogFile::open(path, &LogRequest::default(), &[]).unwrap();
    while let Some(block) = file.next_block().unwrap() {
        block.read(&mut |_, entry| each(entry));
    }
    file
}

#[test]
fn a_history_of_jobs_in_parquet_is_read_with_its_lists() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.parquet");
    write_jobs(&path);
    let mut said = Vec::new();
    let mut native = Vec::new();
    let file = read(&path, &mut |entry| {
        let entry = entry.unwrap();
        said.push((entry.id.as_deref().unwrap().to_owned(), entry.at, entry.bytes, entry.labels.clone()));
        native.push(entry.native.clone());
    });
    assert_eq!(file.format(), LogFormat::BigqueryJobs);
    let dag = vec![("airflow-dag".to_owned(), "nightly".to_owned())];
    let expected = [
        ("job_a".to_owned(), Some(1_795_161_605), Some(1_048_576), dag),
        ("job_b".to_owned(), Some(1_795_161_661), None, Vec::new()),
    ];
    assert_eq!(said, expected);
    let from = |table: &str| NativeEdge::of_tables("shop.mart.orders", format!("shop.raw.{table}"));
    assert_eq!(native, [vec![from("orders"), from("rates")], Vec::new()]);
}

#[test]
fn a_file_that_was_read_whole_yields_nothing_and_a_broken_one_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.parquet");
    write_jobs(&path);
    let mut file = LogFile::open(&path, &LogRequest::default(), &[]).unwrap();
    let mut place = file.place();
    while let Some(block) = file.next_block().unwrap() {
        place = block.place();
    }
    assert!(LogFile::open(&path, &LogRequest::default(), &[place]).unwrap().next_block().unwrap().is_none());
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 20]).unwrap();
    let error = LogFile::open(&path, &LogRequest::default(), &[]).err().map(|error| error.to_string());
    assert!(error.as_deref().is_some_and(|error| error.contains("jobs.parquet")), "{error:?}");
}
