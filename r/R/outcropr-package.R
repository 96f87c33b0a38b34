#' Mine tailings in satellite scenes, measured by Outcrop
#'
#' [outcrop_predict()] gives scenes to the command line program `outcrop` and reads back what it
#' leaves: an [sf][sf::st_sf] table of deposits, rasters, measurements. The two meet in files only, so
#' neither sees the other's libraries.
#'
#' @section Where the program is:
#' The first of these that is set: the option `outcropr.command`, the environment variable `OUTCROP`
#' (the path of the program), the program `outcrop` on the `PATH`. The option may hold a program with
#' its first arguments, e.g. `options(outcropr.command = c("nice", "-n", "10", "outcrop"))`.
#'
#' @section Arguments:
#' Functions with `...` take every option of their verb, as `outcrop predict --help` lists them, with
#' `_` for `-`: `threshold = 0.6`, `no_area = TRUE`, `bands = c("B4", "B3", "B2")`,
#' `registry_column = c(id = "code", area_unit = "ha")`. Several values repeat the option.
#'
#' @section Errors and warnings:
#' What the program refuses becomes an R error with the program's sentence. All have the class
#' `outcrop_error`, and one of `outcrop_error_usage` (the call is wrong), `outcrop_error_input` (what
#' came in cannot be used), `outcrop_error_command` (the program is not there) and
#' `outcrop_error_defect` (the program failed). When some inputs of several are refused, the others are
#' done, and a warning of the class `outcrop_warning_partial` names the refused; its field `refused` is
#' a data frame of `input` and `error`.
#'
#' @section Words:
#' A deposit here is a candidate for a person to look at. Nothing says that it is safe, stable or legal.
#'
#' @keywords internal
"_PACKAGE"
