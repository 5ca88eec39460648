;; Declares `pages` pages of memory.
(memory (export "memory") {pages})
