//! What an upload may ask of the compiler, looked at before it is asked. Compiling cannot be stopped once it has begun,
//! and some shapes of code take it far longer than their length says: 20 KiB of loops can take minutes.

use wasmtime::wasmparser::{ComponentInstance, FunctionBody, Operator, Parser, Payload};

use crate::{Error, component::not_a_plugin};

/// What one upload may take to compile, in the time that a byte of plain code takes: about that of the largest upload.
const EFFORT: u64 = 32 << 20;
/// What a function costs besides its bytes.
const FUNCTION: u64 = 100;
/// The time for a function's loops grows with their square …
const LOOPS_SQUARED: u64 = 8;
/// … and with how deep they are nested.
const NESTED_LOOP: u64 = 2;
/// Deepest nesting of loops; past this the time grows with the cube.
const LOOP_DEPTH: u64 = 100;
/// Deepest nesting of blocks: a large `switch` has one for every case.
const BLOCK_DEPTH: usize = 5_000;
/// Instances of components within components. They are unfolded before compilation, so that a chain in which each
/// makes two of the next doubles with every link.
const INSTANCES: usize = 16;

const TOO_LONG: Error = Error::TooComplex { reason: "its code would take too long to compile" };

/// Refuses what would take the compiler too long.
pub(crate) fn check(bytes: &[u8]) -> Result<(), Error> {
    let (mut effort, mut instances) = (0_u64, 0);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| not_a_plugin(&error))? {
            Payload::CodeSectionEntry(body) => effort = effort.saturating_add(of_function(&body)?),
            Payload::ComponentCanonicalSection(section) => {
                effort = effort.saturating_add(FUNCTION * u64::from(section.count()));
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    let instance = instance.map_err(|error| not_a_plugin(&error))?;
                    instances += usize::from(matches!(instance, ComponentInstance::Instantiate { .. }));
                }
            }
            _ => {}
        }
        if effort > EFFORT {
            return Err(TOO_LONG);
        }
        if instances > INSTANCES {
            return Err(Error::TooComplex { reason: "it makes too many instances of components" });
        }
    }
    Ok(())
}

fn of_function(body: &FunctionBody<'_>) -> Result<u64, Error> {
    let mut reader = body.get_operators_reader().map_err(|error| not_a_plugin(&error))?;
    let (mut open, mut depth, mut loops, mut nested) = (Vec::new(), 0_u64, 0_u64, 0_u64);
    while !reader.eof() {
        match reader.read().map_err(|error| not_a_plugin(&error))? {
            Operator::Loop { .. } => {
                open.push(true);
                depth += 1;
                loops += 1;
                nested = nested.saturating_add(depth);
            }
            Operator::Block { .. } | Operator::If { .. } | Operator::TryTable { .. } => open.push(false),
            Operator::End => depth = depth.saturating_sub(u64::from(open.pop() == Some(true))),
            _ => {}
        }
        if depth > LOOP_DEPTH || open.len() > BLOCK_DEPTH {
            return Err(TOO_LONG);
        }
    }
    let bytes = body.range().len() as u64;
    let squared = loops.saturating_mul(loops) / LOOPS_SQUARED;
    Ok(bytes.saturating_add(FUNCTION).saturating_add(squared).saturating_add(nested.saturating_mul(NESTED_LOOP)))
}
