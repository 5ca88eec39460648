//! Bounds on an upload's code, checked before compilation. A compilation cannot be interrupted, and some shapes of code
//! take far longer than their length suggests: 20 KiB of loops can take minutes.

use wasmtime::wasmparser::{ComponentInstance, FunctionBody, Operator, Parser, Payload};

use crate::error::Error;

/// Most compile cost of an upload. The unit is the time for one byte of plain code; this is about the largest upload's.
const MAX_COST: u64 = 32 << 20;
/// The cost of a function besides its bytes.
const FUNCTION_COST: u64 = 100;
/// The compile time of a function grows with the square of its loops …
const LOOPS_SQUARED_DIVISOR: u64 = 8;
/// … and with their nesting.
const NESTED_LOOP_COST: u64 = 2;
/// Deepest nesting of loops; beyond it the time grows with the cube.
const MAX_LOOP_DEPTH: u64 = 100;
/// Deepest nesting of blocks: a large `switch` has one per case.
const MAX_BLOCK_DEPTH: usize = 5_000;
/// Most instances of components within components. They are expanded before compilation, so a chain in which each
/// component instantiates the next one twice doubles with every link.
const MAX_INSTANCES: usize = 16;

const TOO_SLOW: Error = Error::TooComplex { reason: "its code would take too long to compile" };

/// Refuses an upload whose compilation would take too long.
pub(crate) fn check(bytes: &[u8]) -> Result<(), Error> {
    let (mut cost, mut instances, mut memories) = (0_u64, 0, 0);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| Error::not_a_plugin(&error))? {
            Payload::CodeSectionEntry(body) => cost = cost.saturating_add(function_cost(&body)?),
            Payload::MemorySection(section) => memories += section.count(),
            Payload::ComponentCanonicalSection(section) => {
                cost = cost.saturating_add(FUNCTION_COST * u64::from(section.count()));
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    let instance = instance.map_err(|error| Error::not_a_plugin(&error))?;
                    instances += usize::from(matches!(instance, ComponentInstance::Instantiate { .. }));
                }
            }
            _ => {}
        }
        if cost > MAX_COST {
            return Err(TOO_SLOW);
        }
        if memories > 1 {
            return Err(Error::TooComplex { reason: "it has more than one memory" });
        }
        if instances > MAX_INSTANCES {
            return Err(Error::TooComplex { reason: "it makes too many instances of components" });
        }
    }
    Ok(())
}

fn function_cost(body: &FunctionBody<'_>) -> Result<u64, Error> {
    let mut reader = body.get_operators_reader().map_err(|error| Error::not_a_plugin(&error))?;
    let (mut open_blocks, mut loop_depth, mut loops, mut depth_sum) = (Vec::new(), 0_u64, 0_u64, 0_u64);
    while !reader.eof() {
        match reader.read().map_err(|error| Error::not_a_plugin(&error))? {
            Operator::Loop { .. } => {
                open_blocks.push(true);
                loop_depth += 1;
                loops += 1;
                depth_sum = depth_sum.saturating_add(loop_depth);
            }
            Operator::Block { .. } | Operator::If { .. } | Operator::TryTable { .. } => open_blocks.push(false),
            Operator::End => loop_depth = loop_depth.saturating_sub(u64::from(open_blocks.pop() == Some(true))),
            _ => {}
        }
        if loop_depth > MAX_LOOP_DEPTH || open_blocks.len() > MAX_BLOCK_DEPTH {
            return Err(TOO_SLOW);
        }
    }
    let bytes = body.range().len() as u64;
    let for_loops = loops.saturating_mul(loops) / LOOPS_SQUARED_DIVISOR;
    let for_nesting = depth_sum.saturating_mul(NESTED_LOOP_COST);
    Ok(bytes.saturating_add(FUNCTION_COST).saturating_add(for_loops).saturating_add(for_nesting))
}
