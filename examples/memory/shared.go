package main

import (
	"context"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/rc"
	"github.com/coderrange/ferrous/refcell"
)

// A folder knows its files, and a file its folder: a cycle, but for the Weak.
type folder struct {
	name  string
	files []*rc.Rc[document]
}

type document struct {
	name string
	in   *rc.Weak[folder]
}

var shared = []act{
	{
		"rc", "Rc with three owners", "Rc with three owners",
		"The count goes 1, 2, 3, 2. The value is freed at 0.",
		`let data = Rc::new(String::from("Rust is awesome!"));
let a = Rc::clone(&data);
let b = Rc::clone(&data);
drop(b);`,
		func(s *scene) {
			data := rc.New("Rust is awesome!")
			s.main("one owner", variable("data", &data))
			a := data.Clone()
			s.main("two", variable("data", &data), variable("a", &a))
			b := data.Clone()
			s.main("three", variable("data", &data), variable("a", &a), variable("b", &b))
			b.Drop()
			s.main("two again", variable("data", &data), variable("a", &a), variable("b", &b))
			a.Drop()
			data.Drop()
		},
	},
	{
		"refcell", "RefCell with its flag", "RefCell with its flag",
		"0 is free, n is readers, -1 is a writer.",
		`let cell = RefCell::new(vec![1, 2]);
let w = cell.borrow_mut();`,
		func(s *scene) {
			cell := refcell.New([]int32{1, 2})
			w := cell.BorrowMut()
			s.main("", variable("cell", &cell), variable("w", &w))
			w.Release()
		},
	},
	{
		"rc-refcell", "Rc<RefCell<Vec<i32>>>, owners A, B, C", "Rc<RefCell<Vec<i32>>> with the owners A, B and C",
		"Three handles, one count, one flag, one vector. What B pushes, A and C see.",
		`let a = Rc::new(RefCell::new(vec![1]));
let (b, c) = (a.clone(), a.clone());
b.borrow_mut().push(2);`,
		func(s *scene) {
			a := rc.New(refcell.RefCell[[]int32]{})
			b, c := a.Clone(), a.Clone()
			b.Ptr().With(func(v *[]int32) { *v = append(*v, 1, 2) })
			s.main("", variable("A", &a), variable("B", &b), variable("C", &c))
			a.Drop()
			b.Drop()
			c.Drop()
		},
	},
	{
		"arc-refcell", "Arc<RefCell> refused", "Arc<RefCell<T>> is refused; here the flag is atomic",
		"A second goroutine that wants to write gets an error, and never a data race.",
		`let a = Arc::new(RefCell::new(1));
thread::spawn(move || *a.borrow_mut() += 1); // error: RefCell cannot be shared`,
		func(s *scene) {
			a := arcmutex.NewArc(refcell.AtomicRefCell[int32]{})
			w := a.Ptr().BorrowMut()
			_, err := a.Ptr().TryBorrowMut()
			s.main("", variable("a", &a), variable("w", &w))
			_ = err // a *refcell.BorrowError
			w.Release()
			a.Drop()
		},
	},
	{
		"arc-mutex-map", "Arc<Mutex<HashMap<String, Vec<u8>>>>", "Arc<Mutex<HashMap<String, Vec<u8>>>>: a file store",
		"Two goroutines own one lock, the lock owns the map. While it is locked nobody else reads, this picture included.",
		`let storage = Arc::new(Mutex::new(HashMap::new()));
let s1 = Arc::clone(&storage);
storage.lock().unwrap().insert("a.txt".into(), b"hi".to_vec());`,
		func(s *scene) {
			type files = map[string][]byte
			storage := arcmutex.NewArc(arcmutex.Mutex[files]{})
			s1 := storage.Clone()
			storage.Ptr().With(func(m *files) { *m = files{"a.txt": []byte("hi")} })
			s.show("unlocked", inFrame("main", variable("storage", &storage)), inFrame("goroutine 1", variable("s1", &s1)))
			g := s1.Ptr().Lock()
			s.show("locked by goroutine 1", inFrame("main", variable("storage", &storage)), inFrame("goroutine 1", variable("s1", &s1), variable("g", &g)))
			g.Unlock()
			s1.Drop()
			storage.Drop()
		},
	},
	{
		"rwlock", "readers and a writer", "RwLock: readers side by side",
		"The state tells how many read.",
		`let lock = RwLock::new(5);
let (r1, r2) = (lock.read().unwrap(), lock.read().unwrap());`,
		func(s *scene) {
			lock := arcmutex.NewRWMutex(int32(5))
			r1, r2 := lock.RLock(), lock.RLock()
			s.main("", variable("lock", &lock), variable("r1", &r1), variable("r2", &r2))
			r1.Unlock()
			r2.Unlock()
		},
	},
	{
		"race", "race on a counter and the lock", "The race on a counter, and the lock",
		"Two goroutines read 0, both add one, both write 1: an update is lost. The picture plays the steps of the race in one goroutine.",
		`static mut COUNTER: i32 = 0;
// thread 1: r1 = COUNTER   thread 2: r2 = COUNTER
// thread 1: COUNTER = r1 + 1   thread 2: COUNTER = r2 + 1`,
		func(s *scene) {
			counter := int32(0)
			r1, r2 := counter, counter
			s.show("both have read", inFrame("shared", variable("counter", &counter)), inFrame("goroutine 1", variable("r1", &r1)), inFrame("goroutine 2", variable("r2", &r2)))
			counter = r1 + 1
			counter = r2 + 1
			s.show("both have written: 1, not 2", inFrame("shared", variable("counter", &counter)), inFrame("goroutine 1", variable("r1", &r1)), inFrame("goroutine 2", variable("r2", &r2)))
			locked := arcmutex.NewMutex(int32(0))
			for range 2 {
				locked.With(func(n *int32) { *n++ })
			}
			s.show("with a lock: 2", inFrame("shared", variable("counter", &locked)))
		},
	},
	{
		"weak", "Weak against a cycle", "Weak against a cycle",
		"The way down owns, the way up does not: the dashed arrow keeps nothing alive.",
		`struct Folder { files: Vec<Rc<File>> }
struct File { parent: Weak<Folder> }`,
		func(s *scene) {
			home := rc.NewCyclic(func(self *rc.Weak[folder]) folder {
				file := document{"a.txt", self.Clone()}
				return folder{"home", []*rc.Rc[document]{rc.NewDrop(file, func(d *document) { d.in.Drop() })}}
			}, func(f *folder) { f.files[0].Drop() })
			up := home.Ptr().files[0].Ptr().in.Clone()
			s.main("", variable("home", &home), variable("up", &up))
			home.Drop()
			s.main("the folder is gone, its Weak knows", variable("home", &home), variable("up", &up))
			up.Drop()
		},
	},
	{
		"thread", "thread's stack and the moved name", "A name that moves into a thread",
		"After the move the name belongs to the goroutine, and main's variable refuses every use.",
		`let name = String::from("coderrange");
thread::spawn(move || println!("{name}"));`,
		func(s *scene) {
			name := rc.NewBox("coderrange moved to a goroutine")
			moved := name.Move()
			done := make(chan struct{}) // the scene draws the goroutine, and shows no package of ours but rc
			go func() {
				defer close(done)
				mine := moved
				s.show("", inFrame("main", variable("name", &name)), inFrame("goroutine", variable("mine", &mine)))
				mine.Drop()
			}()
			<-done
		},
	},
	{
		"channel", "channel between two tasks", "A channel between two tasks",
		"Both ends point to one buffer. It knows how many senders and receivers are open.",
		`let (tx, rx) = mpsc::channel(8);
tx.send("hello").await;`,
		func(s *scene) {
			tx, rx := channel.New[string](8)
			_ = tx.Send(context.Background(), "hello")
			s.show("", inFrame("task 1", variable("tx", &tx)), inFrame("task 2", variable("rx", &rx)))
			tx.Close()
			s.show("the sender is closed", inFrame("task 1", variable("tx", &tx)), inFrame("task 2", variable("rx", &rx)))
			rx.Close()
		},
	},
	{
		"once", "singleton", "A singleton that is made once",
		"All handles lead to the one value.",
		`static CONFIG: OnceLock<Config> = OnceLock::new();
let a = CONFIG.get_or_init(|| Config { name: "one" });`,
		func(s *scene) {
			type config struct{ name string }
			lock := new(arcmutex.OnceLock[config])
			s.main("before", variable("CONFIG", &lock))
			_ = lock.GetOrInit(func() config { return config{"one"} })
			a, _ := lock.Ptr()
			b, _ := lock.Ptr()
			s.main("after", variable("CONFIG", &lock), variable("a", &a), variable("b", &b))
		},
	},
}
