;; Declares a table of so many elements.
(table {elements} funcref)
