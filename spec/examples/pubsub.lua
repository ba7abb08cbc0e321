return { out = "Got chili\nGot beef\nOH WOW BEEF\nOH WOW NOODLES\n" }
