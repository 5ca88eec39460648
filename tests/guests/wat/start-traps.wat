;; Gives up as soon as it is started.
(func $start (unreachable))
(start $start)
