# The table of deposits: an sf table that knows its run.

# Mark an sf table as the deposits of a run.
as_deposits <- function(table, run) {
  attr(table, "run") <- run
  class(table) <- c("outcrop_deposits", setdiff(class(table), "outcrop_deposits"))
  table
}

# sf puts its own class in front again and drops what it does not know, so what sf does to a table is done to
# the plain one, and its run is given back after.
still_deposits <- function(x, change) {
  run <- attr(x, "run", exact = TRUE)
  class(x) <- setdiff(class(x), "outcrop_deposits")
  changed <- change(x)
  if (inherits(changed, "sf")) as_deposits(changed, run) else changed
}

#' @export
`[.outcrop_deposits` <- function(x, ...) still_deposits(x, function(table) table[...])

#' @export
`$<-.outcrop_deposits` <- function(x, name, value) {
  still_deposits(x, function(table) {
    table[[name]] <- value
    table
  })
}

#' @export
`[[<-.outcrop_deposits` <- function(x, i, value) {
  still_deposits(x, function(table) {
    table[[i]] <- value
    table
  })
}

#' @importFrom sf st_transform
#' @export
st_transform.outcrop_deposits <- function(x, ...) still_deposits(x, function(table) sf::st_transform(table, ...))

#' Print, summarise and draw a table of deposits
#'
#' @param x,object A table that [outcrop_predict()] gave.
#' @param n Rows to print.
#' @param column The column that colours the map.
#' @param ... Passed on to sf.
#' @return `summary()` gives a list of the class `summary.outcrop_deposits`: `scenes`, a data frame with
#'   the number of deposits and the area in hectares with its 90 % interval (the run's own figure, in
#'   which errors of neighbours are not independent) and share in percent for each scene; `total`, of
#'   several scenes a data frame with the area of all of them, where what overlapping scenes show twice
#'   is counted once, else `NULL`; `refused`; `notes`; `models`. The others give their table, invisibly.
#' @name outcrop_deposits-methods
NULL

#' @rdname outcrop_deposits-methods
#' @export
print.outcrop_deposits <- function(x, ..., n = 10) {
  if (!inherits(x, "sf")) return(NextMethod()) # its geometry was dropped: a data frame like others
  run <- attr(x, "run", exact = TRUE)
  scenes <- Filter(function(input) is.null(input$error), run$record$inputs)
  cat(sprintf("%s, candidates to look at, in %s\n", counted(nrow(x), "deposit"), counted(length(scenes), "scene")))
  if (nrow(x) && all(c("area_ha", "area_ha_low", "area_ha_high") %in% names(x))) {
    first <- utils::head(order(-x$area_ha), 1)
    cat(sprintf(
      "largest: %s ha (%s to %s)\n", four(x$area_ha[first]), four(x$area_ha_low[first]), four(x$area_ha_high[first])
    ))
  }
  cat("run:", run$folder, "\n")
  class(x) <- setdiff(class(x), "outcrop_deposits")
  print(x, ..., n = n)
  invisible(x)
}

#' @rdname outcrop_deposits-methods
#' @export
summary.outcrop_deposits <- function(object, ...) {
  run <- outcrop_run(object)
  measured <- outcrop_measurements(run)
  total <- measured[measured$name == "tailings area", , drop = FALSE]
  share <- measured[measured$name == "tailings share", , drop = FALSE]
  inputs <- Filter(function(input) is.null(input$error), run$record$inputs)
  path <- vapply(inputs, function(input) input$input, character(1))
  stem <- vapply(inputs, function(input) input$stem, character(1))
  of_area <- match(path, total$input)
  scenes <- data.frame(
    scene = stem, deposits = as.integer(table(factor(object$scene, levels = stem))),
    area_ha = total$value[of_area], area_ha_low = total$low[of_area], area_ha_high = total$high[of_area],
    share_percent = share$value[match(path, share$input)], stringsAsFactors = FALSE
  )
  said <- list(
    scenes = scenes, total = total_of(run), refused = refused_of(run), notes = as.character(unlist(run$record$warnings)),
    models = vapply(run$record$models, function(model) model$file, character(1)), version = run$record$outcrop
  )
  structure(said, class = "summary.outcrop_deposits")
}

# The last row of the totals of a run of several scenes.
total_of <- function(run) {
  file <- file.path(run$folder, "totals.csv")
  if (!file.exists(file)) return(NULL)
  utils::tail(read_table(file), 1)[c("deposits", "duplicates", "area_ha", "area_ha_low", "area_ha_high")]
}

#' @export
print.summary.outcrop_deposits <- function(x, ...) {
  shown <- x$scenes
  numbers <- vapply(shown, is.double, logical(1))
  shown[numbers] <- lapply(shown[numbers], four)
  print(shown, row.names = FALSE)
  if (!is.null(x$total)) {
    cat(sprintf(
      "all scenes, each deposit once: %s, %s ha (%s to %s)\n", counted(x$total$deposits, "deposit"),
      four(x$total$area_ha), four(x$total$area_ha_low), four(x$total$area_ha_high)
    ))
  }
  cat(sprintf("model: %s; Outcrop %s; intervals hold 90 %%\n", toString(x$models), x$version))
  for (note in x$notes) cat("note:", note, "\n")
  for (refusal in x$refused$error) cat("refused:", in_words_of_r(refusal), "\n")
  invisible(x)
}

#' @rdname outcrop_deposits-methods
#' @export
plot.outcrop_deposits <- function(x, column = "area_ha", ...) {
  if (!inherits(x, "sf")) return(NextMethod())
  if (!nrow(x)) {
    graphics::plot.new()
    graphics::title("no deposits")
    return(invisible(x))
  }
  table <- x
  class(table) <- setdiff(class(table), "outcrop_deposits")
  plot(table[column], ...)
  invisible(x)
}

# Four digits that count, never with an exponent.
four <- function(values) {
  vapply(values, function(value) {
    if (is.na(value)) "" else format(signif(value, 4), scientific = FALSE, trim = TRUE)
  }, character(1))
}

counted <- function(number, thing) sprintf("%d %s%s", number, thing, if (number == 1) "" else "s")
