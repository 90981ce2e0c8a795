#include "domain/demo_names.h"

#include <stdio.h>

#define DAY_US       (INT64_C(86400) * 1000000)
#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

uint64_t stw_demo_next(struct stw_demo_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

int stw_demo_pick(struct stw_demo_random *random, int bound)
{
    return (int)(stw_demo_next(random) % (uint64_t)bound);
}

int64_t stw_demo_moment(struct stw_demo_random *random, int64_t now_us, int days)
{
    int64_t midnight = now_us / DAY_US * DAY_US;

    return midnight - (1 + stw_demo_pick(random, days)) * DAY_US +
           (3 * 3600 + stw_demo_pick(random, 12 * 3600)) * INT64_C(1000000);
}

void stw_demo_id(struct stw_demo_random *random, int64_t at_us, char ret_id[37])
{
    uint64_t milliseconds = (uint64_t)at_us / 1000;
    uint64_t high = stw_demo_next(random);
    uint64_t low = stw_demo_next(random);

    snprintf(ret_id, 37, "%08x-%04x-7%03x-%04x-%012llx", (unsigned)(milliseconds >> 16),
             (unsigned)(milliseconds & 0xffff), (unsigned)(high & 0xfff),
             (unsigned)(0x8000 | (high >> 12 & 0x3fff)),
             (unsigned long long)(low & UINT64_C(0xffffffffffff)));
}

struct word {
    const char *text;
    const char *latin;
};

static const struct word chinese_stems[] = {
    {"云禾", "yunhe"},    {"澜石", "lanshi"},  {"墨川", "mochuan"},  {"青岫", "qingxiu"},
    {"朗越", "langyue"},  {"和岚", "helan"},   {"启明桥", "qmqiao"}, {"沐辰", "muchen"},
    {"远栈", "yuanzhan"}, {"砚田", "yantian"}, {"澄屿", "chengyu"},  {"望舒", "wangshu"},
    {"锦湾", "jinwan"},   {"行野", "xingye"},  {"拾光", "shiguang"},
};
static const struct word english_stems[] = {
    {"Northwick", "northwick"},    {"Harrowgate Vale", "harrowvale"}, {"Lindenfeld", "lindenfeld"},
    {"Copperleaf", "copperleaf"},  {"Brightmere", "brightmere"},      {"Stonequay", "stonequay"},
    {"Ashcombe", "ashcombe"},      {"Fernhollow", "fernhollow"},      {"Silvertarn", "silvertarn"},
    {"Oakenshire", "oakenshire"},  {"Merrowby", "merrowby"},          {"Tidewell", "tidewell"},
    {"Kestrel Bay", "kestrelbay"}, {"Wrenfield", "wrenfield"},        {"Larkspur", "larkspur"},
};

struct trade {
    const char *chinese;
    const char *english;
    const char *industry;
    const char *latin;
};
static const struct trade trades[] = {
    {"软件有限公司", "Software Ltd", "software", "soft"},
    {"物流有限公司", "Freight & Storage", "logistics", "freight"},
    {"医疗器械有限公司", "Medical Devices", "healthcare", "med"},
    {"食品有限公司", "Foods", "food", "foods"},
    {"新能源有限公司", "Renewables GmbH", "energy", "energy"},
    {"精密制造有限公司", "Precision Works", "manufacturing", "works"},
    {"商贸有限公司", "Retail Group", "retail", "retail"},
    {"教育科技有限公司", "Learning", "education", "learn"},
    {"建筑设计有限公司", "Architects", "construction", "build"},
    {"酒店管理有限公司", "Hotels", "hospitality", "hotels"},
    {"金融服务有限公司", "Capital Services", "finance", "capital"},
    {"传媒有限公司", "Media House", "media", "media"},
    {"农业科技有限公司", "Agritech", "agriculture", "agri"},
};

static const struct stw_demo_place chinese_places[] = {
    {"上海", "CN"}, {"杭州", "CN"}, {"苏州", "CN"}, {"南京", "CN"},
    {"宁波", "CN"}, {"深圳", "CN"}, {"成都", "CN"},
};
static const struct stw_demo_place english_places[] = {
    {"Hamburg", "DE"},   {"Berlin", "DE"}, {"London", "GB"}, {"Manchester", "GB"},
    {"Rotterdam", "NL"}, {"Vienna", "AT"}, {"Dublin", "IE"},
};

struct stw_demo_company stw_demo_company(struct stw_arena *arena, int number)
{
    /* Chinese and English in turn; 15 stems and 13 trades have no common divisor, so the pairs come back
     * after 195. */
    bool chinese = number % 2 == 0;
    int pair = number / 2;
    const struct word *stem =
        chinese ? &chinese_stems[pair % COUNT(chinese_stems)] : &english_stems[pair % COUNT(english_stems)];
    const struct trade *trade = &trades[pair % COUNT(trades)];
    int place = (pair * 5 + pair / 7) % COUNT(chinese_places);

    return (struct stw_demo_company){
        .name = stw_arena_printf(arena, chinese ? "%s%s" : "%s %s", stem->text,
                                 chinese ? trade->chinese : trade->english),
        .domain = stw_arena_printf(arena, "%s-%s.example", stem->latin, trade->latin),
        .industry = trade->industry,
        .place = chinese ? chinese_places[place] : english_places[place],
        .chinese = chinese,
    };
}

static const struct word surnames[] = {
    {"林", "lin"},   {"沈", "shen"}, {"顾", "gu"},  {"陆", "lu"},   {"程", "cheng"},
    {"许", "xu"},    {"方", "fang"}, {"秦", "qin"}, {"宋", "song"}, {"叶", "ye"},
    {"江", "jiang"}, {"白", "bai"},  {"余", "yu"},  {"温", "wen"},
};
static const struct word given_syllables[] = {
    {"知", "zhi"}, {"远", "yuan"}, {"若", "ruo"},  {"宁", "ning"}, {"清", "qing"},
    {"越", "yue"}, {"书", "shu"},  {"言", "yan"},  {"安", "an"},   {"乐", "le"},
    {"子", "zi"},  {"墨", "mo"},   {"晨", "chen"}, {"溪", "xi"},
};
static const struct word english_given[] = {
    {"Nora", "nora"},   {"Felix", "felix"}, {"Imogen", "imogen"}, {"Tobias", "tobias"}, {"Greta", "greta"},
    {"Owen", "owen"},   {"Marta", "marta"}, {"Rupert", "rupert"}, {"Elsa", "elsa"},     {"Dorian", "dorian"},
    {"Petra", "petra"}, {"Hugo", "hugo"},   {"Livia", "livia"},
};
static const struct word english_family[] = {
    {"Ashdown", "ashdown"},    {"Bergmann", "bergmann"},   {"Calloway", "calloway"},
    {"Dunmore", "dunmore"},    {"Eriksen", "eriksen"},     {"Farrow", "farrow"},
    {"Grünwald", "gruenwald"}, {"Hollis", "hollis"},       {"Ivarsson", "ivarsson"},
    {"Jessop", "jessop"},      {"Kettering", "kettering"}, {"Lambrecht", "lambrecht"},
};

struct stw_demo_person stw_demo_person(struct stw_arena *arena, struct stw_demo_random *random, bool chinese)
{
    struct stw_demo_person person;

    if (chinese) {
        const struct word *family = &surnames[stw_demo_pick(random, COUNT(surnames))];
        const struct word *first = &given_syllables[stw_demo_pick(random, COUNT(given_syllables))];
        const struct word *second = &given_syllables[stw_demo_pick(random, COUNT(given_syllables))];
        bool two = stw_demo_pick(random, 4) > 0;

        person.name = stw_arena_printf(arena, "%s%s%s", family->text, first->text, two ? second->text : "");
        person.mailbox =
            stw_arena_printf(arena, "%s.%s%s", family->latin, first->latin, two ? second->latin : "");
    } else {
        const struct word *given = &english_given[stw_demo_pick(random, COUNT(english_given))];
        const struct word *family = &english_family[stw_demo_pick(random, COUNT(english_family))];

        person.name = stw_arena_printf(arena, "%s %s", given->text, family->text);
        person.mailbox = stw_arena_printf(arena, "%s.%s", given->latin, family->latin);
    }
    return person;
}

const char *stw_demo_position(struct stw_demo_random *random, bool chinese)
{
    static const char *const words[][2] = {
        {"总经理", "Managing Director"},    {"采购经理", "Head of Procurement"},
        {"财务总监", "Finance Director"},   {"信息技术主管", "IT Manager"},
        {"运营经理", "Operations Manager"}, {"行政助理", "Office Manager"},
        {"项目经理", "Project Manager"},    {"市场总监", "Marketing Director"},
    };

    return words[stw_demo_pick(random, COUNT(words))][chinese ? 0 : 1];
}

const char *stw_demo_phone(struct stw_arena *arena, struct stw_demo_random *random, bool chinese)
{
    /* No Chinese mobile number starts with 100, and Ofcom keeps 01632 960 for stories. */
    if (chinese)
        return stw_arena_printf(arena, "+86100%08d", stw_demo_pick(random, 100000000));
    return stw_arena_printf(arena, "+441632960%03d", stw_demo_pick(random, 1000));
}
