//! Reads query logs: entries out, whatever vendor wrote them, never interpreting SQL.
//!
//! In: a file (JSON, JSONL, CSV or Parquet, plain or packed with gzip or zstd) and where reading of it
//! stopped before. Out: blocks of whole records, which any thread turns into
//! [`LogEntry`](crate::model::LogEntry)s. Memory does not grow with the file; what cannot be read is
//! counted with its line, and the rest is read. Nothing is written anywhere.

mod asker;
mod blocks;
mod detect;
mod find;
mod formats;
mod json;
mod parquet;
mod record;
mod stream;
mod time;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

pub use asker::{AskerRules, find_asker};
pub use find::find_log_files;
pub use stream::LogPlace;

use self::{
    blocks::{Block, Blocks, Framing},
    formats::Reader,
    parquet::ParquetBlocks,
    record::Record,
    stream::{Progress, Stream},
};
use crate::model::{LogEntry, LogFormat, LogSkip};

/// How much of a file is looked at to tell its format.
const HEAD: usize = 256 << 10;

/// How a log file is to be read.
#[derive(Clone, Debug, Default)]
pub struct LogRequest {
    /// The format; found from the content where it is not set.
    pub format: Option<LogFormat>,
    /// For [`LogFormat::Generic`]: the names of the columns that hold `query`, `timestamp`, …
    pub columns: BTreeMap<String, String>,
}

/// Why nothing of a log file could be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It could not be opened, or reading of it stopped.
    #[error("cannot read {path}: {cause}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system or the decoder said.
        cause: io::Error,
    },
    /// No format is known that looks like it.
    #[error("{0} is in no format that is known; say which with `format`, or map its columns")]
    UnknownFormat(PathBuf),
}

/// An open log file.
pub struct LogFile {
    path: PathBuf,
    format: LogFormat,
    reader: Arc<Reader>,
    source: Source,
    /// Where it stood when it was opened.
    place: LogPlace,
    resumed: bool,
}

enum Source {
    Text(Box<Blocks>, Framing),
    Parquet(Box<ParquetBlocks>),
}

impl LogFile {
    /// Opens `path` where one of `places` says that reading of it stopped, else at its start.
    ///
    /// # Errors
    /// When it cannot be opened, or its format cannot be told.
    pub fn open(path: &Path, request: &LogRequest, places: &[LogPlace]) -> Result<LogFile, LogError> {
        let unreadable = |cause| LogError::Unreadable { path: path.to_owned(), cause };
        let head = stream::read_head(path, HEAD).map_err(unreadable)?;
        let unknown = || LogError::UnknownFormat(path.to_owned());
        if head.starts_with(b"PAR1") {
            let (blocks, names) = ParquetBlocks::open(path, places).map_err(unreadable)?;
            let format = request.format.or_else(|| detect::by_names(&names, request)).ok_or_else(unknown)?;
            let reader = Arc::new(Reader::new(format, request));
            let (place, resumed) = (blocks.place(), blocks.is_done());
            return Ok(LogFile {
                path: path.to_owned(),
                format,
                reader,
                source: Source::Parquet(Box::new(blocks)),
                place,
                resumed,
            });
        }
        let found = match detect::detect(&head, request) {
            Some(found) => found,
            // Nothing in it yet: nothing to tell a format from, and nothing to read.
            None if head.iter().all(u8::is_ascii_whitespace) => detect::Found::empty(request),
            None => return Err(unknown()),
        };
        let known = stream::find_place(path, places).map_err(unreadable)?;
        let resumed = known.is_some();
        let (stream, progress) = match known {
            Some((stream, place)) => {
                let progress = Progress::resumed(place, &stream);
                (stream, progress)
            }
            None => (Stream::open(path).map_err(unreadable)?, Progress::new(&head)),
        };
        let place = progress.place();
        let mut blocks = Blocks::new(stream, found.framing.clone(), progress);
        if found.header && !resumed {
            blocks.skip_header().map_err(unreadable)?;
        }
        let reader = Arc::new(Reader::new(found.format, request));
        let source = Source::Text(Box::new(blocks), found.framing);
        Ok(LogFile { path: path.to_owned(), format: found.format, reader, source, place, resumed })
    }

    /// Lines of JSON that a live source gave, which are in no file; they are read from their start.
    pub fn of_lines(name: &Path, format: LogFormat, lines: Vec<u8>) -> LogFile {
        let request = LogRequest { format: Some(format), ..LogRequest::default() };
        let progress = Progress::new(&lines[..lines.len().min(HEAD)]);
        let place = progress.place();
        let blocks = Blocks::new(Stream::of_bytes(lines), Framing::Lines, progress);
        let source = Source::Text(Box::new(blocks), Framing::Lines);
        let reader = Arc::new(Reader::new(format, &request));
        LogFile { path: name.to_owned(), format, reader, source, place, resumed: false }
    }

    /// The format that it is read in.
    pub fn format(&self) -> LogFormat {
        self.format
    }

    /// Where reading of it stopped before; `None` where nothing was read.
    pub fn resumed_from(&self) -> Option<LogPlace> {
        self.resumed.then_some(self.place)
    }

    /// Where it stood when it was opened.
    pub fn place(&self) -> LogPlace {
        self.place
    }

    /// The next records; `None` at the end.
    ///
    /// # Errors
    /// When reading stops: what came before stands.
    pub fn next_block(&mut self) -> Result<Option<LogBlock>, LogError> {
        let (block, framing) = match &mut self.source {
            Source::Text(blocks, framing) => (blocks.next(), framing.clone()),
            Source::Parquet(blocks) => (blocks.next(), Framing::Lines),
        };
        let block = block.map_err(|cause| LogError::Unreadable { path: self.path.clone(), cause })?;
        Ok(block.map(|block| LogBlock { block, framing, reader: self.reader.clone() }))
    }
}

/// Some whole records of a log.
pub struct LogBlock {
    block: Block,
    framing: Framing,
    reader: Arc<Reader>,
}

impl LogBlock {
    /// Where reading of the file stands once this block is read.
    pub fn place(&self) -> LogPlace {
        self.block.place
    }

    /// Bytes in it, unpacked.
    pub fn bytes(&self) -> u64 {
        self.block.bytes.len() as u64
    }

    /// Hands every record to `each`, with its line (1-based, counted from where reading began).
    pub fn read(&self, each: &mut dyn FnMut(u64, Result<LogEntry<'_>, LogSkip>)) {
        for (line, skip) in &self.block.skipped {
            each(*line, Err(*skip));
        }
        match (&self.framing, &self.block.objects) {
            (Framing::Rows(names), _) => self.read_rows(names, each),
            (_, Some(objects)) => {
                for range in objects {
                    self.read_object(self.block.bytes.get(range.clone()).unwrap_or_default(), self.block.first_line, each);
                }
            }
            (_, None) => {
                for (line, bytes) in (self.block.first_line..).zip(self.block.bytes.split(|byte| *byte == b'\n')) {
                    if !bytes.iter().all(u8::is_ascii_whitespace) {
                        self.read_object(bytes, line, each);
                    }
                }
            }
        }
    }

    fn read_object(&self, bytes: &[u8], line: u64, each: &mut dyn FnMut(u64, Result<LogEntry<'_>, LogSkip>)) {
        if bytes.len() > blocks::MAX_RECORD {
            return each(line, Err(LogSkip::TooLong));
        }
        let text = String::from_utf8_lossy(bytes);
        match Record::from_json(text.trim_start_matches('\u{feff}')) {
            Some(record) => self.reader.read(&record, &mut |entry| each(line, entry)),
            None => each(line, Err(LogSkip::Broken)),
        }
    }

    fn read_rows(&self, names: &[String], each: &mut dyn FnMut(u64, Result<LogEntry<'_>, LogSkip>)) {
        let (mut from, mut line) = (0usize, self.block.first_line);
        let mut row = csv::ByteRecord::new();
        while from < self.block.bytes.len() {
            let bytes = &self.block.bytes[from..];
            let mut rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
            let broken = loop {
                match rows.read_byte_record(&mut row) {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(_) => return each(line, Err(LogSkip::Broken)),
                }
                let (at, in_block) = row.position().map_or((0, 1), |position| (position.byte(), position.line()));
                let row_line = line + in_block - 1;
                if row.len() < names.len().min(2) || row.len() > names.len() {
                    break (at, row_line);
                }
                let cells: Vec<std::borrow::Cow<'_, str>> = row.iter().map(String::from_utf8_lossy).collect();
                let record = Record::from_row(names, cells.iter().map(AsRef::as_ref));
                self.reader.read(&record, &mut |entry| each(row_line, entry));
            };
            // A row with too many cells has a quote too many or too few: only its first line is given up.
            each(broken.1, Err(LogSkip::Broken));
            let start = from + usize::try_from(broken.0).unwrap_or(0);
            let next = memchr::memchr(b'\n', &self.block.bytes[start..]).map(|at| start + at + 1);
            (from, line) = (next.unwrap_or(self.block.bytes.len()), broken.1 + 1);
        }
    }
}
