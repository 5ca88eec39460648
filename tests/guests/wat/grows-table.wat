;; Grows a table to `elements` elements; traps if that is refused.
(table $table 0 funcref)
(func (export "transform") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (call $drop (local.get 10))
  (loop $again
    (if (i32.eq (table.grow $table (ref.null func) (i32.const 100)) (i32.const -1)) (then unreachable))
    (br_if $again (i32.lt_u (table.size $table) (i32.const {elements}))))
  (i32.const 2048))
