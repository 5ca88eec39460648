//! The mapping expressions of Microsoft Entra ID: parsed, checked, and evaluated as a pure function of their source. Also
//! the patterns (as .NET reads them) and the names that the bundled plugins share, and the conversion of an exported
//! schema into a mapping. Knows neither plugins nor the gateway.

mod call;
mod check;
mod date;
mod diacritics;
pub mod entra;
mod error;
mod expression;
mod functions;
mod letters;
mod lexer;
mod names;
mod parser;
mod pattern;
mod source;
mod value;

pub use call::MAX_TEXT_BYTES;
pub use date::Date;
pub use diacritics::without_diacritics;
pub use error::{Error, Kind};
pub use expression::{Expression, Outcome};
pub use functions::names as function_names;
pub use names::nearest;
pub use parser::{MAX_EXPRESSION_CHARACTERS, MAX_NESTING};
pub use pattern::{MAX_STEPS, Pattern, PatternError};
pub use source::{AttributeError, Source};
pub use value::Value;
