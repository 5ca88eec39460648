//! The constants of a source file with their values, and the defaults of its settings.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use syn::visit::{self, Visit};
use syn::{
    BinOp, Expr, ExprCall, ExprStruct, Field, ImplItemConst, ItemConst, ItemImpl, ItemMod, ItemStruct, Lit, Type,
};

/// The value of a constant.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Number(u128),
    Time(Duration),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Time(time) => write!(f, "{time:?}"),
        }
    }
}

/// What a file defines: `NAME` for a constant, `Type.field` for a field's default.
#[derive(Default)]
pub(super) struct Source {
    found: BTreeMap<String, Expr>,
    /// The type whose items are being read.
    within: Option<String>,
}

impl Source {
    /// Reads a file outside of its tests.
    pub(super) fn read(text: &str) -> Self {
        let mut source = Self::default();
        source.visit_file(&syn::parse_file(text).unwrap());
        source
    }

    /// The value of a constant or a default.
    pub(super) fn value(&self, name: &str) -> Result<Value, String> {
        let expression = self.found.get(name).ok_or_else(|| format!("there is no {name}"))?;
        self.evaluate(expression, 0).ok_or_else(|| format!("{name} is more than this test can evaluate"))
    }

    /// Everything that has a value.
    pub(super) fn all(&self) -> Vec<(String, Value)> {
        self.found.keys().filter_map(|name| Some((name.clone(), self.value(name).ok()?))).collect()
    }

    fn evaluate(&self, expression: &Expr, depth: usize) -> Option<Value> {
        let evaluate = |expression: &Expr| self.evaluate(expression, depth + 1);
        match expression {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Int(number) => number.base10_parse().ok().map(Value::Number),
                _ => None,
            },
            Expr::Paren(inner) => evaluate(&inner.expr),
            Expr::Group(inner) => evaluate(&inner.expr),
            Expr::Cast(cast) => evaluate(&cast.expr),
            Expr::Binary(binary) => {
                let (Value::Number(left), Value::Number(right)) = (evaluate(&binary.left)?, evaluate(&binary.right)?)
                else {
                    return None;
                };
                arithmetic(&binary.op, left, right).map(Value::Number)
            }
            Expr::Call(call) => {
                let Value::Number(number) = evaluate(call.args.first()?)? else { return None };
                time(call, u64::try_from(number).ok()?).map(Value::Time)
            }
            // Another constant of the file.
            Expr::Path(path) if depth < 8 => evaluate(self.found.get(&path.path.segments.last()?.ident.to_string())?),
            _ => None,
        }
    }

    fn add(&mut self, name: impl fmt::Display, value: &Expr) {
        self.found.insert(name.to_string(), value.clone());
    }
}

fn arithmetic(operator: &BinOp, left: u128, right: u128) -> Option<u128> {
    match operator {
        BinOp::Add(_) => left.checked_add(right),
        BinOp::Sub(_) => left.checked_sub(right),
        BinOp::Mul(_) => left.checked_mul(right),
        BinOp::Div(_) => left.checked_div(right),
        BinOp::Shl(_) => left.checked_shl(u32::try_from(right).ok()?),
        _ => None,
    }
}

/// `Duration::from_secs(10)` and the like.
fn time(call: &ExprCall, number: u64) -> Option<Duration> {
    let Expr::Path(function) = &*call.func else { return None };
    match function.path.segments.last()?.ident.to_string().as_str() {
        "from_millis" => Some(Duration::from_millis(number)),
        "from_secs" => Some(Duration::from_secs(number)),
        "from_mins" => Some(Duration::from_mins(number)),
        "from_hours" => Some(Duration::from_hours(number)),
        _ => None,
    }
}

impl<'ast> Visit<'ast> for Source {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if module.ident != "tests" {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_const(&mut self, constant: &'ast ItemConst) {
        self.add(&constant.ident, &constant.expr);
    }

    fn visit_impl_item_const(&mut self, constant: &'ast ImplItemConst) {
        self.add(&constant.ident, &constant.expr);
    }

    fn visit_item_struct(&mut self, item: &'ast ItemStruct) {
        self.within = Some(item.ident.to_string());
        visit::visit_item_struct(self, item);
        self.within = None;
    }

    /// The default of a command line argument.
    fn visit_field(&mut self, field: &'ast Field) {
        let (Some(within), Some(name)) = (&self.within, &field.ident) else { return };
        let name = format!("{within}.{name}");
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("arg")) {
            // The rest after the default is not read, so it may be unparsable.
            let _ = attribute.parse_nested_meta(|meta| {
                if let Ok(value) = meta.value() {
                    let value: Expr = value.parse()?;
                    if meta.path.is_ident("default_value_t") {
                        self.found.insert(name.clone(), value);
                    }
                }
                Ok(())
            });
        }
    }

    /// Only defaults are of interest; other values of the type may be anything.
    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let is_default = item.trait_.as_ref().is_some_and(|it| it.0.is_ident("Default"));
        self.within = match &*item.self_ty {
            Type::Path(path) if is_default => path.path.get_ident().map(ToString::to_string),
            _ => None,
        };
        visit::visit_item_impl(self, item);
        self.within = None;
    }

    fn visit_expr_struct(&mut self, expression: &'ast ExprStruct) {
        if let Some(within) = self.within.clone() {
            for field in &expression.fields {
                if let syn::Member::Named(name) = &field.member {
                    self.add(format!("{within}.{name}"), &field.expr);
                }
            }
        }
    }
}

#[test]
fn every_form_of_a_constant_is_evaluated() {
    let source = Source::read(
        "const A: usize = 1_000; const B: u64 = 16 * (A as u64) + 2; const C: usize = 4 << 20;
         pub(crate) const D: Duration = Duration::from_hours(30 * 24); const E: &str = \"x\";
         impl X { const F: usize = 7 * Self::A; }
         impl Default for L { fn default() -> Self { Self { g: Duration::from_millis(20), h: A, i: 3 } } }
         impl L { fn other() -> Self { Self { i: 4 } } }
         struct Arguments {
             #[arg(long, env = \"J\", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1000))] j: u16,
         }
         #[cfg(test)] mod tests { const A: usize = 5; }",
    );
    let value = |name| source.value(name).map(|value| value.to_string());
    let found = ["A", "B", "C", "D", "F", "L.g", "L.h", "L.i", "Arguments.j"].map(|name| value(name).unwrap());
    assert_eq!(found, ["1000", "16002", "4194304", "2592000s", "7000", "20ms", "1000", "3", "16"]);
    assert!(value("E").unwrap_err().contains("evaluate"));
    assert!(value("K").unwrap_err().contains("no K"));
    assert_eq!(source.all().len(), 9);
}
