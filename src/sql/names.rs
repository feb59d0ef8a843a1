//! Short integers for names, so that resolving compares numbers instead of strings.

use rustc_hash::FxHashMap;

/// A name in one script. [`Sym::NONE`] is the empty name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Sym(u32);

impl Sym {
    /// The empty name.
    pub(crate) const NONE: Sym = Sym(0);
    /// `*`: columns under a star that cannot be expanded.
    pub(crate) const STAR: Sym = Sym(1);
}

/// The names of one script, each with the key it is compared by.
pub(crate) struct Names {
    known: FxHashMap<Box<str>, Sym>,
    texts: Vec<Box<str>>,
    keys: Vec<Sym>,
    case_sensitive: bool,
}

impl Names {
    /// No names yet. Column names compare without regard to case unless `case_sensitive`.
    pub(crate) fn new(case_sensitive: bool) -> Self {
        let mut names = Names { known: FxHashMap::default(), texts: Vec::new(), keys: Vec::new(), case_sensitive };
        names.intern("");
        names.intern("*");
        names
    }

    /// The symbol of `text`.
    pub(crate) fn intern(&mut self, text: &str) -> Sym {
        if let Some(sym) = self.known.get(text) {
            return *sym;
        }
        let sym = Sym(self.texts.len() as u32);
        self.texts.push(text.into());
        self.keys.push(sym);
        self.known.insert(text.into(), sym);
        if !self.case_sensitive && text.bytes().any(|byte| byte.is_ascii_uppercase() || byte >= 0x80) {
            let key = self.intern(&text.to_lowercase());
            self.keys[sym.0 as usize] = key;
        }
        sym
    }

    /// The symbol by which `sym` is compared.
    pub(crate) fn key(&self, sym: Sym) -> Sym {
        self.keys[sym.0 as usize]
    }

    /// The key of `text`.
    pub(crate) fn key_of(&mut self, text: &str) -> Sym {
        let sym = self.intern(text);
        self.key(sym)
    }

    /// The text of `sym`.
    pub(crate) fn text(&self, sym: Sym) -> &str {
        &self.texts[sym.0 as usize]
    }

    /// `prefix.name`, or `name` where there is no prefix.
    pub(crate) fn join(&mut self, prefix: Sym, name: Sym) -> Sym {
        if prefix == Sym::NONE {
            return name;
        }
        if name == Sym::NONE {
            return prefix;
        }
        let joined = format!("{}.{}", self.text(prefix), self.text(name));
        self.intern(&joined)
    }
}
