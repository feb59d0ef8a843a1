//! The bytes of a log file, whatever it is packed in, from where reading stopped.
//!
//! A file is known by what it holds: the hash of its first bytes, and of those before the place where
//! reading stopped. So a renamed, packed or growing file goes on where it stopped, and another file
//! under an old name starts anew.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use xxhash_rust::xxh3::xxh3_64;

/// Bytes that are hashed at the start and before the place where reading stopped.
const PROBE: usize = 4_096;
/// How many bytes a packed file may hold for each of its own, beyond [`BOMB_FLOOR`].
const BOMB_RATIO: u64 = 500;
/// Bytes that any packed file may hold.
const BOMB_FLOOR: u64 = 1 << 28;

/// Where reading of a file stopped, and how to know the file again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogPlace {
    /// How many of the first bytes `head` is over.
    pub head_bytes: u64,
    /// Hash of the first bytes.
    pub head: u64,
    /// Unpacked bytes that were read.
    pub offset: u64,
    /// Hash of the bytes before `offset`, at most 4,096 of them.
    pub tail: u64,
}

/// An open log file.
pub(super) struct Stream {
    inner: Box<dyn Read + Send>,
    /// Unpacked bytes that were handed out.
    pub(super) offset: u64,
    /// The last bytes handed out.
    tail: Vec<u8>,
    /// Unpacked bytes after which it is no log but a bomb.
    most: u64,
}

/// How the bytes of a file are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
}

fn packing_of(path: &Path) -> io::Result<Packing> {
    let mut magic = Vec::with_capacity(4);
    File::open(path)?.take(4).read_to_end(&mut magic)?;
    Ok(match magic.as_slice() {
        [0x1f, 0x8b, ..] => Packing::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd] => Packing::Zstd,
        _ => Packing::Plain,
    })
}

impl Stream {
    /// Opens a file at its start.
    pub(super) fn open(path: &Path) -> io::Result<Stream> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let inner: Box<dyn Read + Send> = match packing_of(path)? {
            Packing::Plain => Box::new(file),
            Packing::Gzip => Box::new(flate2::read::MultiGzDecoder::new(BufReader::with_capacity(1 << 18, file))),
            Packing::Zstd => Box::new(zstd::stream::read::Decoder::new(file)?),
        };
        let most = length.saturating_mul(BOMB_RATIO).max(BOMB_FLOOR);
        Ok(Stream { inner, offset: 0, tail: Vec::new(), most })
    }

    /// Bytes in memory.
    pub(super) fn of_bytes(bytes: Vec<u8>) -> Stream {
        Stream { inner: Box::new(io::Cursor::new(bytes)), offset: 0, tail: Vec::new(), most: u64::MAX }
    }

    /// Opens a file where reading of it stopped.
    fn open_at(path: &Path, offset: u64) -> io::Result<Stream> {
        if packing_of(path)? == Packing::Plain {
            let mut file = File::open(path)?;
            let length = file.metadata()?.len();
            if length < offset {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is shorter than what was read of it"));
            }
            let probe = offset.min(PROBE as u64);
            file.seek(SeekFrom::Start(offset - probe))?;
            let mut tail = vec![0; probe as usize];
            file.read_exact(&mut tail)?;
            return Ok(Stream { inner: Box::new(file), offset, tail, most: u64::MAX });
        }
        let mut stream = Stream::open(path)?;
        let mut buffer = vec![0; 1 << 16];
        while stream.offset < offset {
            let wanted = usize::try_from(offset - stream.offset).unwrap_or(usize::MAX).min(buffer.len());
            if stream.fill(&mut buffer[..wanted])? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is shorter than what was read of it"));
            }
        }
        Ok(stream)
    }

    /// Reads some bytes; 0 at the end.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.offset > self.most {
            return Err(io::Error::other("it unpacks to far more than a log does; reading stopped"));
        }
        let count = loop {
            match self.inner.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.offset += count as u64;
        let read = &buffer[..count];
        if read.len() >= PROBE {
            self.tail.clear();
            self.tail.extend_from_slice(&read[read.len() - PROBE..]);
        } else {
            self.tail.extend_from_slice(read);
            let surplus = self.tail.len().saturating_sub(PROBE);
            self.tail.drain(..surplus);
        }
        Ok(count)
    }

    fn tail_hash(&self) -> u64 {
        xxh3_64(&self.tail)
    }
}

/// The first bytes of a file, unpacked.
pub(super) fn read_head(path: &Path, bytes: usize) -> io::Result<Vec<u8>> {
    let mut stream = Stream::open(path)?;
    let mut head = vec![0; bytes];
    let mut filled = 0;
    while filled < head.len() {
        match stream.fill(&mut head[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    head.truncate(filled);
    Ok(head)
}

/// Opens `path` where one of `places` says that reading of it stopped; `None` where none is of this
/// file.
pub(super) fn find_place(path: &Path, places: &[LogPlace]) -> io::Result<Option<(Stream, LogPlace)>> {
    let head = read_head(path, PROBE)?;
    let same_head = |place: &&LogPlace| {
        let length = place.head_bytes as usize;
        place.offset > 0 && head.get(..length).is_some_and(|bytes| xxh3_64(bytes) == place.head)
    };
    let mut candidates: Vec<&LogPlace> = places.iter().filter(same_head).collect();
    candidates.sort_unstable_by_key(|place| std::cmp::Reverse(place.offset));
    for place in candidates {
        match Stream::open_at(path, place.offset) {
            Ok(stream) if stream.tail_hash() == place.tail => return Ok(Some((stream, *place))),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Follows what is used up of a file, so that it is known again.
#[derive(Default)]
pub(super) struct Progress {
    place: LogPlace,
    tail: Vec<u8>,
}

impl Progress {
    /// Of a file whose first bytes are `head`, nothing used up.
    pub(super) fn new(head: &[u8]) -> Progress {
        let head = &head[..head.len().min(PROBE)];
        Progress {
            place: LogPlace { head_bytes: head.len() as u64, head: xxh3_64(head), ..LogPlace::default() },
            tail: Vec::new(),
        }
    }

    /// Of a file that was read up to `stream`'s place.
    pub(super) fn resumed(place: LogPlace, stream: &Stream) -> Progress {
        Progress { place, tail: stream.tail.clone() }
    }

    /// These bytes are used up.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.place.offset += bytes.len() as u64;
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(PROBE)..]);
        let surplus = self.tail.len().saturating_sub(PROBE);
        self.tail.drain(..surplus);
    }

    /// Where reading stands.
    pub(super) fn place(&self) -> LogPlace {
        LogPlace { tail: xxh3_64(&self.tail), ..self.place }
    }
}
