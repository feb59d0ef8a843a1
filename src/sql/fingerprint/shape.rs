//! A shape under construction: what is said so far, and how literals fold in it.

use sqlparser::keywords::Keyword;

/// What a word, a value or a sign is for the words after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A literal or a parameter.
    Literal,
    /// A literal that is cast, so that the rest of a type may follow.
    Cast,
    /// An unquoted word.
    Word(Keyword),
    /// A name for certain: in quotes, or after a period.
    Name,
    /// `+` or `-`
    Sign,
    /// Compares: `=`, `<` and their like.
    Comparison,
    /// `::`
    DoubleColon,
    /// Any other operator.
    Operator,
    /// `,`
    Comma,
    /// `.`
    Period,
    /// `;`
    Semicolon,
    /// `(` or `[`
    Open,
    /// What stood in brackets; whether it was made of literals alone.
    Group(bool),
    /// A row of VALUES.
    Row(bool),
}

impl Part {
    /// Whether a value ends here, so that an operator after it takes two.
    pub(super) fn is_operand(self) -> bool {
        match self {
            Part::Literal | Part::Cast | Part::Name | Part::Group(_) | Part::Row(_) => true,
            Part::Word(keyword) => !starts_expression(keyword),
            _ => false,
        }
    }
}

#[derive(Clone, Copy)]
struct Item {
    part: Part,
    /// Where it starts in the shape, the blank before it included.
    start: usize,
}

/// Brackets that are not closed yet.
struct Frame {
    /// The item of the bracket.
    open: usize,
    kind: FrameKind,
    /// The first item of the element that is being read.
    element: usize,
    /// Where the element before it, the comma excluded, starts and ends in the shape.
    before: Option<(usize, usize)>,
    /// Whether it is a list or stands in one, with no query between.
    in_list: bool,
    /// Whether all elements so far are made of literals.
    constant: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FrameKind {
    /// The elements of IN or of an array.
    List,
    /// A row of VALUES.
    Row,
    /// The operand of CAST.
    Cast,
    Other,
}

/// A text that grows word by word and folds behind itself.
pub(super) struct Shape {
    text: String,
    items: Vec<Item>,
    frames: Vec<Frame>,
}

impl Shape {
    /// An empty one, with room for `bytes`.
    pub(super) fn with_capacity(bytes: usize) -> Shape {
        Shape { text: String::with_capacity(bytes), items: Vec::with_capacity(bytes / 16), frames: Vec::new() }
    }

    /// What was said last.
    pub(super) fn last(&self) -> Option<Part> {
        self.before(0)
    }

    /// Whether the place is in the elements of IN, of an array or of a row of VALUES.
    pub(super) fn in_list(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.in_list)
    }

    /// Adds something that is neither a literal nor a bracket; `fold` where case does not matter.
    pub(super) fn say(&mut self, part: Part, word: &str, fold: bool) {
        if self.goes_into_cast(part) {
            return;
        }
        match part {
            Part::Comma => self.end_element(),
            Part::Semicolon => self.frames.clear(),
            Part::Word(Keyword::SELECT | Keyword::WITH | Keyword::FROM | Keyword::TABLE | Keyword::VALUES) => self.begin_query(),
            _ => {}
        }
        self.push(part, word, fold);
        if part == Part::Comma
            && let Some(frame) = self.frames.last_mut()
        {
            frame.element = self.items.len();
        }
    }

    /// Adds a literal; `is_text` for one in quotes and for a parameter, which a type's name may stand before.
    pub(super) fn literal(&mut self, is_text: bool) {
        while self.last() == Some(Part::Sign) && !self.before(1).is_some_and(Part::is_operand) {
            self.pop();
        }
        if let Some(Part::Word(word)) = self.last()
            && is_text
            && is_type(word)
        {
            self.pop();
        }
        if !matches!(self.last(), Some(Part::Literal | Part::Cast)) {
            self.push(Part::Literal, "?", false);
        }
    }

    /// Takes a word that belongs to the literal after it back: the character set of a text.
    pub(super) fn take_back(&mut self) {
        self.pop();
    }

    /// Adds an opening bracket.
    pub(super) fn open(&mut self, bracket: &str) {
        let after_row = self.last() == Some(Part::Comma) && matches!(self.before(1), Some(Part::Row(_)));
        let kind = match self.last() {
            _ if bracket == "[" => FrameKind::List,
            _ if after_row => FrameKind::Row,
            Some(Part::Word(Keyword::IN)) => FrameKind::List,
            Some(Part::Word(Keyword::VALUES | Keyword::VALUE)) => FrameKind::Row,
            Some(Part::Word(Keyword::CAST | Keyword::TRY_CAST | Keyword::SAFE_CAST)) => FrameKind::Cast,
            _ => FrameKind::Other,
        };
        self.push(Part::Open, bracket, false);
        let (open, element) = (self.items.len() - 1, self.items.len());
        let in_list = self.in_list() || matches!(kind, FrameKind::List | FrameKind::Row);
        self.frames.push(Frame { open, kind, element, in_list, before: None, constant: true });
    }

    /// Adds a closing bracket.
    pub(super) fn close(&mut self, bracket: &str) {
        self.end_element();
        let Some(frame) = self.frames.pop() else { return self.push(Part::Operator, bracket, false) };
        let inside = &self.items[frame.open + 1..];
        let casts = matches!(inside, [first, second, ..]
            if first.part == Part::Literal && second.part == Part::Word(Keyword::AS));
        let typed = frame.open > 0 && self.items[frame.open - 1].part == Part::Cast && (frame.constant || inside.is_empty());
        if typed {
            return self.truncate(frame.open);
        }
        if frame.kind == FrameKind::Cast && casts {
            self.truncate(frame.open - 1);
            return self.literal(false);
        }
        self.push(Part::Operator, bracket, false);
        let start = self.items[frame.open].start;
        self.items.truncate(frame.open);
        let part = if frame.kind == FrameKind::Row { Part::Row(frame.constant) } else { Part::Group(frame.constant) };
        self.items.push(Item { part, start });
        if frame.kind == FrameKind::Row {
            self.fold_row();
        }
    }

    /// The text, without what ends it.
    pub(super) fn finish(mut self) -> String {
        self.end_element();
        let end = self.text.trim_end_matches([';', ' ']).len();
        self.text.truncate(end);
        self.text
    }

    fn before(&self, back: usize) -> Option<Part> {
        let at = self.items.len().checked_sub(back + 1)?;
        self.items.get(at).map(|item| item.part)
    }

    fn push(&mut self, part: Part, word: &str, fold: bool) {
        self.items.push(Item { part, start: self.text.len() });
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        if !fold {
            self.text.push_str(word);
        } else if word.is_ascii() {
            self.text.extend(word.bytes().map(|byte| char::from(byte.to_ascii_lowercase())));
        } else {
            self.text.extend(word.chars().flat_map(char::to_lowercase));
        }
    }

    fn pop(&mut self) {
        self.truncate(self.items.len().saturating_sub(1));
    }

    fn truncate(&mut self, items: usize) {
        if let Some(first) = self.items.get(items) {
            self.text.truncate(first.start);
            self.items.truncate(items);
        }
    }

    /// Whether `part` is one more word of a cast after a literal; it says nothing of its own.
    fn goes_into_cast(&mut self, part: Part) -> bool {
        let last = self.last();
        let typed = matches!(last, Some(Part::Literal | Part::Cast));
        match part {
            Part::DoubleColon if typed => self.mark(Part::DoubleColon),
            Part::Word(_) | Part::Name if last == Some(Part::DoubleColon) && self.is_marked() => self.mark(Part::Cast),
            Part::Period if last == Some(Part::Cast) => self.mark(Part::DoubleColon),
            Part::Word(Keyword::VARYING | Keyword::PRECISION) if last == Some(Part::Cast) => {}
            Part::Word(Keyword::ZONE) if self.before(1).is_some_and(is_with) && self.before(2) == Some(Part::Cast) => {
                self.truncate(self.items.len() - 2);
            }
            _ => return false,
        }
        true
    }

    /// Makes the last item another part.
    fn mark(&mut self, part: Part) {
        if let Some(last) = self.items.last_mut() {
            last.part = part;
        }
    }

    /// Whether the last item is a literal that `::` follows, rather than a `::` of its own.
    fn is_marked(&self) -> bool {
        self.text.ends_with('?')
    }

    /// An element of a list that is made of literals becomes one, and one that is like the element
    /// before it goes.
    fn end_element(&mut self) {
        let Some(frame) = self.frames.last() else { return };
        let (element, kind, before) = (frame.element, frame.kind, frame.before);
        let Some(first) = self.items.get(element).map(|item| item.start) else { return };
        let constant = is_constant(&self.items[element..]);
        let lists = matches!(kind, FrameKind::List | FrameKind::Row);
        if lists && constant {
            self.truncate(element);
            self.push(Part::Literal, "?", false);
        }
        let mut span = (first, self.text.len());
        if lists
            && let Some((start, end)) = before
            && self.text[start..end] == self.text[span.0..span.1]
            && self.text[start..end].contains('?')
        {
            // The comma before it goes as well.
            self.truncate(element.saturating_sub(1));
            span = (start, end);
        }
        if let Some(frame) = self.frames.last_mut() {
            frame.constant &= constant;
            frame.before = Some(span);
        }
    }

    /// A row that is like the row before it goes.
    fn fold_row(&mut self) {
        let [.., before, comma, row] = self.items[..] else { return };
        let is_row = matches!(before.part, Part::Row(_)) && comma.part == Part::Comma;
        let same = is_row && self.text[before.start..comma.start] == self.text[row.start..];
        if same && self.text[row.start..].contains('?') {
            self.truncate(self.items.len() - 2);
        }
    }

    /// A query in brackets is no list.
    fn begin_query(&mut self) {
        let at = self.items.len();
        if let Some(frame) = self.frames.last_mut().filter(|frame| frame.open + 1 == at) {
            (frame.kind, frame.in_list) = (FrameKind::Other, false);
        }
    }
}

/// Whether an element is made of literals: signs, casts, calls and tuples of them included.
fn is_constant(items: &[Item]) -> bool {
    let ends = items.last().is_some_and(|last| last.part.is_operand());
    ends && items.iter().enumerate().all(|(at, item)| match item.part {
        Part::Literal | Part::Cast | Part::Group(true) | Part::Sign | Part::Operator | Part::DoubleColon => true,
        Part::Word(keyword) if is_constant_word(keyword) => true,
        Part::Word(keyword) if starts_expression(keyword) => false,
        // The name of a function, of its schema, or of a type.
        Part::Word(_) | Part::Name => {
            let (after, before) = (items.get(at + 1), at.checked_sub(1).and_then(|before| items.get(before)));
            matches!(after.map(|item| item.part), Some(Part::Group(_) | Part::Period))
                || before.is_some_and(|before| before.part == Part::DoubleColon)
        }
        Part::Period => true,
        _ => false,
    })
}

fn is_with(part: Part) -> bool {
    matches!(part, Part::Word(Keyword::WITH | Keyword::WITHOUT))
}

fn is_constant_word(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::NULL
            | Keyword::TRUE
            | Keyword::FALSE
            | Keyword::DEFAULT
            | Keyword::CURRENT_DATE
            | Keyword::CURRENT_TIME
            | Keyword::CURRENT_TIMESTAMP
            | Keyword::LOCALTIMESTAMP
    )
}

/// Types whose names stand before a text.
fn is_type(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::DATE
            | Keyword::TIME
            | Keyword::TIMESTAMP
            | Keyword::TIMESTAMPTZ
            | Keyword::TIMESTAMP_NTZ
            | Keyword::DATETIME
            | Keyword::JSON
            | Keyword::JSONB
            | Keyword::NUMERIC
            | Keyword::BIGNUMERIC
            | Keyword::DECIMAL
            | Keyword::UUID
    )
}

/// Words after which a value begins.
fn starts_expression(keyword: Keyword) -> bool {
    use Keyword as K;
    matches!(
        keyword,
        K::SELECT
            | K::DISTINCT
            | K::ALL
            | K::TOP
            | K::WHERE
            | K::HAVING
            | K::QUALIFY
            | K::ON
            | K::USING
            | K::BY
            | K::AND
            | K::OR
            | K::NOT
            | K::XOR
            | K::IN
            | K::BETWEEN
            | K::LIKE
            | K::ILIKE
            | K::RLIKE
            | K::REGEXP
            | K::SIMILAR
            | K::TO
            | K::IS
            | K::ESCAPE
            | K::CASE
            | K::WHEN
            | K::THEN
            | K::ELSE
            | K::LIMIT
            | K::OFFSET
            | K::FETCH
            | K::FIRST
            | K::NEXT
            | K::VALUES
            | K::VALUE
            | K::SET
            | K::RETURN
            | K::RETURNING
            | K::INTERVAL
            | K::AS
            | K::DIV
            | K::MOD
            | K::FROM
            | K::JOIN
            | K::INTO
            | K::UPDATE
            | K::TABLE
            | K::VIEW
            | K::UNION
            | K::EXCEPT
            | K::INTERSECT
            | K::ANY
            | K::SOME
            | K::EXISTS
            | K::WITH
            | K::INSERT
            | K::DELETE
            | K::MERGE
            | K::CALL
            | K::EXECUTE
            | K::EXEC
            | K::IF
    )
}
