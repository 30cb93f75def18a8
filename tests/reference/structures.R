# Reference values of panels with the structure of well-known data: Stanford heart transplants
# (an exposure that comes during the stay, daily), liver transplants (three exits by group, late
# entry, daily), and a covariate without any exit beside one in another unit. The numbers of every
# person come from integer arithmetic, the same in tests/structures.py. Versions: versions.csv.
# Run from the root of the repository:  Rscript tests/reference/structures.R
suppressMessages(library(survival))
precise <- coxph.control(eps = 1e-12, toler.chol = 1e-13, iter.max = 50)
drawn <- function(i, a, m) (i * a * (i + 7)) %% 1009 %% m
rows <- NULL
add <- function(data, model, exit, fit, terms, variance = vcov(fit))
  rows <<- rbind(rows, data.frame(data = data, model = model, group = "all", exit = exit,
                                  term = terms, month = NA, estimate = unname(coef(fit))[seq_along(terms)],
                                  error = sqrt(diag(variance))[seq_along(terms)]))

# --- heart --------------------------------------------------------------------------------------
i <- 1:103
heart <- data.frame(i, age = 30 + drawn(i, 31, 30), surgery = as.numeric(drawn(i, 57, 7) == 0),
                    wait = 1 + drawn(i, 83, 60), last = 1 + drawn(i, 197, 250),
                    died = drawn(i, 71, 10) < 7, chosen = drawn(i, 113, 10) < 7)
moved <- heart$chosen & heart$wait < heart$last
before <- transform(heart, start = 0, stop = ifelse(moved, wait, last), transplant = 0,
                    died = died & !moved)
after <- transform(heart[moved, ], start = wait, stop = last, transplant = 1)
both <- rbind(before, after)
fit <- coxph(Surv(start, stop, died) ~ age + surgery + transplant, both, control = precise)
add("heart", "Cox", "death", fit, c("age", "surgery", "transplant"))

# --- liver --------------------------------------------------------------------------------------
i <- 1:400
liver <- data.frame(id = i, blood = c("A", "AB", "B", "O")[1 + drawn(i, 43, 4)],
                    entry = ifelse(drawn(i, 29, 3) == 0, drawn(i, 91, 20), 0),
                    age = 20 + drawn(i, 61, 50), treated = i %% 2)
liver$last <- liver$entry + 1 + drawn(i, 131, 120)
names <- c("ltx", "death", "withdraw")
liver$state <- factor(c("ltx", "ltx", "ltx", "ltx", "ltx", "death", "death", "withdraw", "stay",
                        "stay")[1 + drawn(i, 151, 10)], c("stay", names))
for (exit in names) {
  fit <- coxph(Surv(entry, last, state == exit) ~ age + treated + blood, liver, control = precise)
  add("liver", "Cox", exit, fit, c("age", "treated"))
  long <- finegray(Surv(entry, last, state) ~ age + treated + blood + id, liver, etype = exit, id = id)
  fit <- coxph(Surv(fgstart, fgstop, fgstatus) ~ age + treated + blood + cluster(id), long,
               weights = fgwt, control = precise)
  add("liver", "Fine-Gray", exit, fit, c("age", "treated"), fit$var)
}
curves <- survfit(Surv(entry, last, state) ~ blood, liver, id = id)
at <- c(30, 60, 100)
found <- summary(curves, times = at)
for (exit in names)
  rows <- rbind(rows, data.frame(data = "liver", model = "Aalen-Johansen",
                                 group = sub("blood=", "", found$strata), exit = exit, term = NA,
                                 month = found$time, estimate = found$pstate[, match(exit, found$states)],
                                 error = NA))

# --- units and a monotone likelihood ------------------------------------------------------------
x <- c(3, 1, 2, 5, 4, 2, 1, 6)
month <- c(1, 2, 2, 3, 3, 4, 4, 4)
told <- c(0, 1, 0, 1, 1, 0, 0, 1)
left <- c(1, 1, 0, 1, 0, 1, 0, 0)
fit <- coxph(Surv(month, left) ~ x + told, control = precise)
add("units", "Cox", "a", fit, c("x", "z"))
sure <- c(0, 0, 0, 1, 0, 0, 0, 1)
left <- c(1, 1, 0, 0, 1, 1, 0, 0)
fit <- suppressWarnings(coxph(Surv(month, left) ~ x + sure, control = precise))
add("monotone", "Cox", "a", fit, "x")

rows[] <- lapply(rows, function(v) if (is.double(v)) formatC(v, digits = 12, format = "g", width = 1) else v)
write.csv(rows, "tests/reference/structures.csv", row.names = FALSE, quote = FALSE)
