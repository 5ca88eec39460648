;; Declares a table of `elements` elements.
(table {elements} funcref)
