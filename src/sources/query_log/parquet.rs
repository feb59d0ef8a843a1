//! Job histories in Parquet, turned into JSON lines row group by row group.

use std::{fs::File, io, path::Path};

use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::{Field, Row, reader::RowIter},
};
use serde_json::{Map, Value};
use xxhash_rust::xxh3::xxh3_64;

use super::{blocks::Block, stream::LogPlace};

/// Bytes of a block.
const BLOCK: usize = 2 << 20;
/// Bytes at each end that tell a file.
const PROBE: u64 = 4_096;

/// A Parquet file in blocks.
pub(super) struct ParquetBlocks {
    rows: Option<RowIter<'static>>,
    place: LogPlace,
    row: u64,
}

impl ParquetBlocks {
    /// Opens a file; the names of its columns come with it. One that was read whole yields nothing.
    pub(super) fn open(path: &Path, places: &[LogPlace]) -> io::Result<(ParquetBlocks, Vec<String>)> {
        let place = identify(path)?;
        let reader = SerializedFileReader::new(File::open(path)?).map_err(io::Error::other)?;
        let schema = reader.metadata().file_metadata().schema().clone();
        let names = schema.get_fields().iter().map(|field| field.name().to_owned()).collect();
        let known = places.iter().find(|known| (known.head, known.tail) == (place.head, place.tail) && known.offset > 0);
        let rows = if known.is_some() { None } else { Some(RowIter::from_file_into(Box::new(reader))) };
        Ok((ParquetBlocks { rows, place: known.copied().unwrap_or(place), row: 0 }, names))
    }

    pub(super) fn is_done(&self) -> bool {
        self.rows.is_none()
    }

    pub(super) fn place(&self) -> LogPlace {
        self.place
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Block>> {
        let Some(rows) = &mut self.rows else { return Ok(None) };
        let (mut bytes, first_line) = (Vec::new(), self.row + 1);
        while bytes.len() < BLOCK {
            let Some(row) = rows.next() else { break };
            let value = read_row(&row.map_err(io::Error::other)?);
            serde_json::to_writer(&mut bytes, &value)?;
            bytes.push(b'\n');
            self.row += 1;
        }
        if bytes.is_empty() {
            self.rows = None;
            return Ok(None);
        }
        let place = LogPlace { offset: self.row, ..self.place };
        Ok(Some(Block { bytes, objects: None, first_line, place, skipped: Vec::new() }))
    }
}

fn identify(path: &Path) -> io::Result<LogPlace> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut head = Vec::new();
    (&mut file).take(PROBE).read_to_end(&mut head)?;
    file.seek(SeekFrom::Start(length.saturating_sub(PROBE)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    Ok(LogPlace { head_bytes: head.len() as u64, head: xxh3_64(&head), offset: 0, tail: xxh3_64(&tail) })
}

fn read_row(row: &Row) -> Value {
    Value::Object(row.get_column_iter().map(|(name, field)| (name.clone(), read_field(field))).collect::<Map<_, _>>())
}

fn read_field(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(value) => Value::from(*value),
        Field::Byte(value) => Value::from(*value),
        Field::Short(value) => Value::from(*value),
        Field::Int(value) => Value::from(*value),
        Field::Long(value) | Field::TimestampMillis(value) | Field::TimestampMicros(value) => Value::from(*value),
        Field::UByte(value) => Value::from(*value),
        Field::UShort(value) => Value::from(*value),
        Field::UInt(value) => Value::from(*value),
        Field::ULong(value) => Value::from(*value),
        Field::Float(value) => Value::from(*value),
        Field::Double(value) => Value::from(*value),
        Field::Str(value) => Value::from(value.as_str()),
        Field::Bytes(value) => Value::from(String::from_utf8_lossy(value.data())),
        Field::Group(row) => read_row(row),
        Field::ListInternal(list) => Value::Array(list.elements().iter().map(read_field).collect()),
        Field::MapInternal(map) => {
            let entries = map.entries().iter();
            Value::Array(
                entries
                    .map(|(key, value)| {
                        Value::Object(Map::from_iter([
                            ("key".to_owned(), read_field(key)),
                            ("value".to_owned(), read_field(value)),
                        ]))
                    })
                    .collect(),
            )
        }
        other => Value::from(other.to_string()),
    }
}
