;; Grows its memory until that is refused, then traps.
(func (export "transform") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
  (unreachable))
